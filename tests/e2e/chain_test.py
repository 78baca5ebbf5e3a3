import unittest

from federation.case import FederationCase
from federation.droplet import CHECKOUT_PROCESS_TYPES
from federation.federation import ORGANIZATION, SPACE


class Chain(FederationCase):
    FOUNDATIONS = ("dev", "staging", "prod")

    def test_dev_to_staging_to_prod_keeps_digest_stack_process_types_and_origin(self):
        boxes = [self.federation.boxes[name] for name in self.FOUNDATIONS]
        boxes[0].push("checkout", self.small(), instances={"web": 1, "worker": 1})
        for box in boxes[1:]:
            box.create_app("checkout")
        for start, end in zip(self.FOUNDATIONS, self.FOUNDATIONS[1:]):
            self.sluice("promote", f"{start}:{ORGANIZATION}/{SPACE}/checkout",
                        f"{end}:{ORGANIZATION}/{SPACE}", "--yes")
        droplets = [box.current_droplet("checkout") for box in boxes]
        self.assertEqual({droplet["checksum"]["value"] for droplet in droplets},
                         {droplets[0]["checksum"]["value"]})
        self.assertEqual({box.stack("checkout") for box in boxes}, {droplets[0]["stack"]})
        for droplet in droplets:
            self.assertEqual(droplet["process_types"], CHECKOUT_PROCESS_TYPES)
        self.wait_for_version(boxes[2], "checkout", 1)
        # Cloud Foundry forgets both of an uploaded droplet; the statement carries them on.
        planned = self.sluice("promote", f"prod:{ORGANIZATION}/{SPACE}/checkout",
                              f"prod:{ORGANIZATION}/{SPACE}/elsewhere", "--create", "--dry-run",
                              "--output", "json").json()["plan"]["source"]
        self.assertEqual(planned["stack"], droplets[0]["stack"])
        self.assertEqual(planned["origin"], f"dev:{ORGANIZATION}/{SPACE}/checkout")
        self.assertEqual([buildpack["name"] for buildpack in planned["buildpacks"]],
                         ["python_buildpack"])
        self.assertIn(planned["origin"],
                      self.sluice("droplets", f"prod:{ORGANIZATION}/{SPACE}/checkout", "--output",
                                  "json").stdout)


if __name__ == "__main__":
    unittest.main()
