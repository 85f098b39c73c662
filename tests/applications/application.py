"""A small application: its page says what it was told, and whether it can read the credential (testbed::application::Seen).

mod_wsgi imports it; as a program it is the HTTP server on the port that its first argument names.
"""

import json
import os
import subprocess
import sys
from wsgiref.simple_server import make_server


def application(environ, start_response):
    told = {name: value for name, value in environ.items() if isinstance(value, str)}
    path = told.get("X509_USER_PROXY") or told.get("HTTP_X_GRID_CREDENTIAL")
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [page(told, path)]


def page(told, path):
    told["APPLICATION_USER"] = str(os.geteuid())
    seen = {"environment": told, "body": "", "credential": path and read(path)}
    text = json.dumps(seen).replace("<", "\\u003c")
    return f'<!DOCTYPE html><script type="application/json">{text}</script>'.encode()


def read(path):
    try:
        with open(path) as file:
            pem = file.read()
        subject, expires = openssl("x509", "-noout", "-subject", "-enddate", "-nameopt", "compat", "-dateopt", "iso_8601", "-in", path)
        openssl("pkey", "-noout", "-in", path)
    except (OSError, subprocess.CalledProcessError) as error:
        return {"Err": str(error)}
    return {"Ok": {
        "subject": subject.removeprefix("subject="),
        "expires": expires.removeprefix("notAfter=").replace(" ", "T"),
        "certificates": pem.count("BEGIN CERTIFICATE"),
        "mode": f"{os.stat(path).st_mode & 0o7777:04o}",
    }}


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout.splitlines()


if __name__ == "__main__":
    make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
