"""To come."""


def wagtail_site(folder):
    raise NotImplementedError
