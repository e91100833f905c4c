# The first process of the namespaces in which the containers live. It ends with its standard input; then the kernel
# ends everything else in them. What podman keeps outside of its own folders is covered, so that a podman of the
# machine's owner doesn't notice.
set -eu
resolver=$(readlink -f /etc/resolv.conf)
names=$(cat "$resolver")
mkdir -p /var/lib/containers
for folder in /run /dev/shm /var/lib/containers; do
    mount -t tmpfs tmpfs "$folder"
done
if [ ! -e "$resolver" ]; then
    mkdir -p "$(dirname "$resolver")"
    echo "$names" > "$resolver"
fi
ip link set lo up
echo ready
cat > /dev/null
