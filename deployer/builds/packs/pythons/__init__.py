"""The parts of the python pack: which lock file and interpreter, vendoring by uv, layers, bytecode, Django."""
