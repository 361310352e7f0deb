"""deployer: a strict build/release/run deployment tool for plain Linux hosts."""

__version__ = "0.1.0"
