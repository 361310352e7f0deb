# Run by `sh -eu` inside a new base: what makes a Debian file system a host that one deploys to.

useradd --create-home --uid 1000 --shell /bin/bash deploy  # may nothing but log in; its processes outlive the session
useradd --create-home --uid 1001 --shell /bin/bash admin   # may all, by sudo
echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
chmod 440 /etc/sudoers.d/admin
mkdir -p /var/lib/systemd/linger
touch /var/lib/systemd/linger/deploy

rm -f /etc/ssh/ssh_host_*  # each host is given its own
printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\nUseDNS no\n' > /etc/ssh/sshd_config.d/lab.conf

systemctl enable --quiet ssh systemd-networkd
for router in caddy nginx; do
    if [ -e "/lib/systemd/system/$router.service" ]; then systemctl disable --quiet "$router"; fi
done
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    console-getty.service getty@.service systemd-networkd-wait-online.service systemd-resolved.service
: > /etc/machine-id
: > /etc/resolv.conf  # there is no net beyond the bridge
