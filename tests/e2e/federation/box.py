"""A foundation in a box (tests/foundation), started and spoken to.

Two ways in: `cc` is an ordinary client of the Cloud Controller API with admin rights, as an
operator with the cf CLI would be; `admin` is the box's own endpoint, which seeds, looks inside and
switches misbehaviours on. tests/foundation/README.md describes both.
"""

import base64
import http.client
import json
import os
import select
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from .loopback import LOOPBACK
from .programs import PATIENCE, Program, Unready, program

READY_SECONDS = 60 * PATIENCE
ANSWER_SECONDS = 60 * PATIENCE


class Refused(Exception):
    """An answer that is not 2xx."""

    def __init__(self, method, url, status, body):
        super().__init__(f"{method} {url}: {status} {body[:2000].decode(errors='replace')}")
        self.status = status
        self.body = body


class JsonApi:
    """JSON over HTTP(S) with one base URL, asked from inside the place where the server is."""

    def __init__(self, base, place, tls=None, token=None):
        self._base, self._place, self._tls, self._token = base, place, tls, token

    def call(self, method, path, body=None):
        url = path if path.startswith("http") else self._base + path
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"bearer {self._token()}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with self._place.entered(), urllib.request.urlopen(
                    request, timeout=ANSWER_SECONDS, context=self._tls) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            raise Refused(method, url, refusal.code, refusal.read()) from None
        return json.loads(text) if text.strip() else None

    def get(self, path, **query):
        return self.call("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path, body=None):
        return self.call("POST", path, body)

    def put(self, path, body=None):
        return self.call("PUT", path, body)

    def patch(self, path, body):
        return self.call("PATCH", path, body)

    def delete(self, path):
        return self.call("DELETE", path)


class FoundationBox:
    """A box that runs from the moment it is made until `stop`, at `place`."""

    def __init__(self, name, folder, place=LOOPBACK, **options):
        self.name, self.place = name, place
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        ready, ready_write = os.pipe()
        lifeline_read, self._lifeline = os.pipe()
        words = [*place.enter, program("foundation-box"), "--directory", str(folder),
                 "--name", name, "--address", place.address, "--ready-fd", str(ready_write),
                 "--lifeline-fd", str(lifeline_read)]
        for option, value in options.items():
            words += ["--" + option.replace("_", "-"), str(value)]
        self.process = Program(f"box {name}", words, folder.parent / "box.log",
                               pass_fds=(ready_write, lifeline_read))
        os.close(ready_write)
        os.close(lifeline_read)
        try:
            self._wait_until_ready(ready)
        finally:
            os.close(ready)
        self._read_addresses(json.loads((folder / "box.json").read_text()))

    def _wait_until_ready(self, ready):
        readable, _, _ = select.select([ready], [], [], READY_SECONDS)
        if not readable or not os.read(ready, 16):
            self.stop()
            raise Unready(f"box {self.name} is not ready\n{self.process.last_lines()}")

    def stop(self):
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        return self.process.stop()

    def _read_addresses(self, about):
        self.api_url, self.uaa_url = about["api_url"], about["uaa_url"]
        self.router_url, self.apps_domain = about["router_url"], about["apps_domain"]
        self.ca_file = Path(about["ca_file"])
        self._domain_guid = about["apps_domain_guid"]
        self._admin_client = about["admin_client"]
        self._tls = ssl.create_default_context(cafile=self.ca_file)
        self._token = None
        self.admin = JsonApi(about["admin_url"], self.place)
        self.cc = JsonApi(self.api_url, self.place, self._tls, self.token)

    def token(self):
        """Of the admin client; asked for once, and it lives longer than any test."""
        if self._token is None:
            client = self._admin_client
            basic = base64.b64encode(f"{client['id']}:{client['secret']}".encode()).decode()
            request = urllib.request.Request(
                self.uaa_url + "/oauth/token", b"grant_type=client_credentials",
                {"Authorization": f"Basic {basic}", "Accept": "application/json"})
            with self.place.entered(), urllib.request.urlopen(
                    request, timeout=ANSWER_SECONDS, context=self._tls) as answer:
                self._token = json.load(answer)["access_token"]
        return self._token

    # --- seeding ---

    def make_space(self, organization, space):
        """And Sluice's own client in it."""
        self.admin.post("/spaces", {"organization": organization, "space": space})
        self.organization, self.space = organization, space
        self.register_client(organization, space)

    def register_client(self, organization, space, *more_scopes):
        """With no more rights than Sluice needs in that space, unless `more_scopes` says so."""
        self.admin.post("/clients", {
            "id": self.client_id, "secret": self.client_secret,
            "scopes": ["cloud_controller.read", "cloud_controller.write", *more_scopes],
            "roles": [{"type": "space_developer", "organization": organization, "space": space}]})

    client_id = "sluice"

    @property
    def client_secret(self):
        return f"secret-of-sluice-at-{self.name}"

    def _place(self, name):
        return {"organization": self.organization, "space": self.space, "name": name}

    @staticmethod
    def _bits(droplet):
        return {"droplet": str(droplet.file.resolve()), "process_types": droplet.process_types,
                "stack": droplet.stack, "buildpacks": droplet.buildpacks}

    def push(self, name, droplet, started=True, **more):
        """What `cf push` leaves behind: an app with a staged droplet and a route; its guid. Pushed
        again, the app is restarted with the new droplet."""
        return self.admin.post("/apps", {**self._place(name), **self._bits(droplet), "host": name,
                                         "start": started, **more})["app_guid"]

    def create_app(self, name, **more):
        """An app with a route and no droplet, as `cf create-app` and `cf map-route` make it."""
        return self.admin.post("/apps", {**self._place(name), "host": name, **more})["app_guid"]

    # --- misbehaving ---

    def misbehave(self, name, count=None, skip=0, **parameters):
        body = {"skip": skip, "parameters": parameters}
        if count is not None:
            body["count"] = count
        self.admin.put(f"/misbehaviours/{name}", body)

    def behave(self):
        self.admin.delete("/misbehaviours")

    # --- looking inside ---

    def state(self):
        """Every record and blob; audit events, jobs and requests are history and not in it."""
        return self.admin.get("/state")["state"]

    def difference(self, before):
        """The records of the state that are not as they were, as text; "" when nothing is."""
        after = self.state()
        lines = []
        for kind in sorted({*before, *after}):
            old, new = before.get(kind), after.get(kind)
            if isinstance(old, list) and isinstance(new, list):
                old, new = ([record for record in one if record not in other]
                            for one, other in ((old, new), (new, old)))
            if old != new:
                lines.append(f"{kind}: {old} -> {new}")
        return "\n".join(lines)

    def requests_by_path(self):
        """How often each method and path was asked; guids are written :guid."""
        return self.admin.get("/requests")["by_path"]

    def changes(self):
        """Requests of another method than GET and HEAD, latest last: when, by the machine's
        monotonic clock, and what, with its guids."""
        return [(entry["at_microseconds"], f"{entry['method']} {entry['path']}")
                for entry in self.admin.get("/requests")["latest"]
                if entry["method"] not in ("GET", "HEAD") and entry["path"] != "/oauth/token"]

    def mutations(self):
        """How many requests of another method than GET and HEAD have reached the API."""
        return self.admin.get("/requests")["mutating"]

    def uploads(self):
        """How many droplets have been sent here."""
        return self.requests_by_path().get("POST /v3/droplets/:guid/upload", 0)

    def host_of(self, app):
        return f"{app}.{self.apps_domain}"

    def app(self, name):
        return self.cc.get("/v3/apps", names=name)["resources"][0]

    def stack(self, app):
        return self.app(app)["lifecycle"]["data"]["stack"]

    def current_droplet(self, app):
        """The droplet, or None."""
        try:
            return self.cc.get(f"/v3/apps/{self.app(app)['guid']}/droplets/current")
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return None

    def droplets(self, app):
        return self.cc.get(f"/v3/apps/{self.app(app)['guid']}/droplets")["resources"]

    def process_types(self, app):
        listed = self.cc.get(f"/v3/apps/{self.app(app)['guid']}/processes")["resources"]
        return [process["type"] for process in listed]

    def set_environment(self, app, **variables):
        self.cc.patch(f"/v3/apps/{self.app(app)['guid']}/environment_variables",
                      {"var": variables})
