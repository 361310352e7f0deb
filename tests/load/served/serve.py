"""uvicorn, as it is started where it is given its socket.

By itself it closes, on SIGTERM, what it has accepted and not read yet: a request may be on its way there.  Here it
takes no more connections at once, and closes those that are idle a moment later.
"""

import asyncio

import uvicorn


class Server(uvicorn.Server):
    async def shutdown(self, sockets=None):
        for server in self.servers:
            server.close()
        await asyncio.sleep(1)
        await super().shutdown(sockets)


Server(uvicorn.Config("asgi:app", fd=3, log_level="warning")).run()
