"""For gunicorn."""

import time

import told


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":
        time.sleep(told.SLOW)
    well = path != "/up" or not told.sick()
    body = told.RELEASE.encode()
    head = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK" if well else "500 Sick", head)
    return [body]
