"""To come."""


def node_app(folder):
    raise NotImplementedError
