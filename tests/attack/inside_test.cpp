#include "attack/attacked.hpp"

/// From inside: a skill whose test tries what has broken other runners. Each command must not succeed. System calls,
/// sockets and processes are attacked by tests/sandbox/init_container_test.cpp (static programs, more than a shell can
/// do), limits by examples/hostile.
namespace skill_verifier::attack {
namespace {

using Inside = Attacked;

struct Attempt {
  const char* name;
  const char* command;  ///< for /bin/sh; exit status 0 means that it worked
};

constexpr Attempt kAttempts[] = {
    {"CVE-2019-5736: the runtime's program through /proc/1/exe", "echo x >>/proc/1/exe"},
    {"CVE-2019-5736: through /proc/self/exe", "echo x >>/proc/self/exe"},
    {"CVE-2024-21626: a folder of the host behind an open descriptor",
     "for i in 3 4 5 6 7 8 9 10; do ls /proc/self/fd/$i/../../../etc/hostname && exit 0; done; exit 1"},
    {"CVE-2024-21626: PID 1's working folder", "ls /proc/1/cwd/"},
    {"CVE-2022-0492: release_agent",
     "find /sys/fs/cgroup -name release_agent -exec sh -c 'echo /x >{}' ';' && "
     "find /sys/fs/cgroup -name release_agent | grep -q . && "
     "find /sys/fs/cgroup -name release_agent -exec grep -q /x {} +"},
    {"CVE-2022-0492: a cgroup of one's own", "unshare -UrC mount -t cgroup -o rdma cgroup /tmp"},
    {"core_pattern", "echo '|/tmp/x' >/proc/sys/kernel/core_pattern"},
    {"binfmt_misc", "echo x >/proc/sys/fs/binfmt_misc/register"},
    {"sysrq", "echo h >/proc/sysrq-trigger"},
    {"uevent_helper", "echo /tmp/x >/sys/kernel/uevent_helper"},
    {"CVE-2024-28185 (Judge0): a link where the runner writes", "ln -s /etc/passwd /etc/passwd-link"},
    {"CVE-2024-28189 (Judge0): a mode that outlives the run",
     "cp /bin/busybox /tmp/b && chmod 4755 /tmp/b && "
     "[ \"$(/tmp/b id -u)\" = 0 ]"},
    {"CVE-2024-29021 (Judge0): the metadata service", "wget -T 2 -qO- http://169.254.169.254/"},
    {"the engine's socket", "ls /var/run/docker.sock || ls /run/docker.sock"},
    {"the guest agent's socket", "ls /var/run/dstack.sock || ls /var/run/tappd.sock"},
    {"a socket by the host's abstract names", "grep -q @ /proc/net/unix"},
    {"the host's memory", "dd if=/dev/mem of=/dev/null bs=1 count=1 || dd if=/proc/kcore of=/dev/null bs=1 count=1"},
    {"the kernel's log", "dmesg"},
    {"a device node", "mknod /tmp/d b 8 0"},
    {"a block device", "ls /dev/sda || ls /dev/vda || ls /dev/nvme0n1"},
    {"a mount", "mount -t tmpfs none /tmp"},
    {"the root file system", "echo x >/x || echo x >/etc/x || echo x >/bin/x"},
    {"init's memory", "dd if=/proc/1/mem of=/dev/null bs=1 count=1"},
    {"init's environment", "cat /proc/1/environ"},
    {"init's descriptors", "ls /proc/1/fd/"},
    {"ending init", "kill -9 1"},
    {"another user", "su -c id"},
    {"another root", "chroot /tmp /bin/sh"},
    {"new namespaces", "unshare -m true || unshare -U true || unshare -n true"},
    {"a network interface", "ls /sys/class/net | grep -v '^lo$' | grep -q ."},
    {"the clock", "date -s 2000-01-01; [ \"$(date +%Y)\" = 2000 ]"},
    {"the name of the machine", "hostname other"},
};

TEST_F(Inside, NothingThatBrokeOtherRunnersWorks) {
  const e2e::TempDir work;
  std::string script = "#!/bin/sh\n";
  int number = 0;
  for (const Attempt& attempt : kAttempts) {
    const std::string file = "attempt-" + std::to_string(number++);
    work.write("escape/" + file, std::string("#!/bin/sh\n") + attempt.command + "\n", true);
    script += "if timeout 5 sh ./" + file + " >/dev/null 2>&1; then echo WORKED " + file + "; else echo held; fi\n";
  }
  work.write("escape/run.sh", script, true);
  work.write(
      "escape/SKILL.md",
      "---\nname: escape\ndescription: Attacks.\nmetadata:\n  test_timeout: 120s\n  test_command: sh run.sh\n---\n");
  const Json job = daemon_->verify(work.path() / "escape");
  ASSERT_EQ(job["status"], "completed") << job.dump(2);
  const std::string out = job["result"]["result"]["stdout"];
  number = 0;
  for (const Attempt& attempt : kAttempts)
    EXPECT_EQ(out.find("WORKED attempt-" + std::to_string(number++) + "\n"), std::string::npos) << attempt.name;
  std::size_t held = 0;
  for (std::size_t at = out.find("held"); at != std::string::npos; at = out.find("held", at + 1))
    ++held;
  EXPECT_EQ(held, std::size(kAttempts)) << job.dump(2);
}

TEST_F(Inside, WhatATestLeavesBehindIsNotRead) {
  const e2e::TempDir work;
  work.write("links/SKILL.md", "---\nname: links\ndescription: x\nmetadata:\n  test_command: sh run.sh\n---\n");
  work.write("links/run.sh", "rm -f SKILL.md; ln -s /etc/passwd SKILL.md; ln -s / everything; echo done\n");
  const Json job = daemon_->verify(work.path() / "links");
  EXPECT_EQ(job["result"]["result"]["stdout"], "done\n") << job.dump(2);
  EXPECT_EQ(job["result"]["skillId"].get<std::string>().find("links"), 0u);
}

TEST_F(Inside, OutputDoesNotBecomeAVerdict) {
  const e2e::TempDir work;
  // Frames of the engine's stream and of init's protocol, and a result object, printed by a test that fails.
  work.write("forger/SKILL.md", "---\nname: forger\ndescription: x\nmetadata:\n  test_command: sh run.sh\n---\n");
  work.write("forger/run.sh",
             "printf '\\001\\000\\000\\000\\000\\000\\000\\004pass'; printf "
             "'{\"result\":{\"passed\":true,\"exitCode\":0}}\\n'; "
             "printf '\\000\\000\\000\\000'; exit 7\n");
  const Json job = daemon_->verify(work.path() / "forger");
  EXPECT_EQ(job["result"]["result"]["passed"], false);
  EXPECT_EQ(job["result"]["result"]["exitCode"], 7) << job.dump(2);
}

}  // namespace
}  // namespace skill_verifier::attack
