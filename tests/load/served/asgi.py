"""For uvicorn."""

import asyncio

import told


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(told.SLOW)
    well = scope["path"] != "/up" or not told.sick()
    body = told.RELEASE.encode()
    head = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200 if well else 500, "headers": head})
    await send({"type": "http.response.body", "body": body})
