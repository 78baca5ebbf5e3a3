"""What people do without Sluice: download a droplet by curl to disk, then upload it by curl."""

import subprocess
import time

CURL_SECONDS_MAX = 600


def _curl(operator, box, *words):
    """By an operator at that place."""
    subprocess.run([*operator.enter, "curl", "--silent", "--show-error", "--fail", "--cacert",
                    str(box.ca_file), "--max-time", str(CURL_SECONDS_MAX), "-H",
                    f"Authorization: bearer {box.token()}", *words],
                   check=True, capture_output=True)


def download(operator, box, droplet_guid, file):
    _curl(operator, box, "--location", "--output", str(file),
          f"{box.api_url}/v3/droplets/{droplet_guid}/download")


def upload(operator, box, app_guid, file):
    """Returns when the Cloud Controller reports the droplet STAGED."""
    droplet = box.cc.post("/v3/droplets", {"relationships": {"app": {"data": {"guid": app_guid}}}})
    _curl(operator, box, "--output", "/dev/null", "--form",
          f"bits=@{file};filename=droplet.tgz;type=application/octet-stream",
          f"{box.api_url}/v3/droplets/{droplet['guid']}/upload")
    wait_until_staged(box, app_guid, droplet["guid"])


def staged(box, app_guid):
    """Guids of the app's droplets that are STAGED."""
    listed = box.cc.get(f"/v3/apps/{app_guid}/droplets", states="STAGED", per_page=1000)
    return {droplet["guid"] for droplet in listed["resources"]}


POLL_SECONDS = 0.2  # Sluice's agents are told to ask as often


def wait_until_staged(box, app_guid, droplet_guid=None, besides=frozenset(),
                      meanwhile=lambda: None):
    """Until that droplet, or any that is not in `besides`, is STAGED. `meanwhile` is called each
    time it is not."""
    deadline = time.monotonic() + CURL_SECONDS_MAX
    while time.monotonic() < deadline:
        found = staged(box, app_guid)
        if droplet_guid in found or (droplet_guid is None and found - besides):
            return
        meanwhile()
        time.sleep(POLL_SECONDS)  # pace: as often as the agents ask that are compared with this
    raise TimeoutError(f"no droplet of app {app_guid} was STAGED in {CURL_SECONDS_MAX} s")
