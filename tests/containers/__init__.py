"""The image and the compose file, really run with podman.

make containers       # as root, some minutes long; python -m pytest tests/containers says what is missing

Needs podman, podman-compose, a runtime (runc or crun), catatonit, netavark and aardvark-dns. The base images are
pulled; where no registry can be reached, debootstrap makes a stand-in for both (``stand_in.py``).

Everything lives in namespaces and in a folder of its own (``host.py``) and goes with them. Killed by SIGKILL, the tests
leave nothing that runs, but their folder, /var/tmp/advshard-containers-*.
"""
