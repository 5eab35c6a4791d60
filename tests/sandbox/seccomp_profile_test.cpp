#include "sandbox/seccomp_profile.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace skill_verifier::sandbox {
namespace {

using nlohmann::json;

const json& profile() {
  static const json parsed = json::parse(seccomp_profile());
  return parsed;
}

/// The names that are allowed whatever their arguments are.
std::set<std::string> allowed_always() {
  std::set<std::string> names;
  for (const auto& rule : profile().at("syscalls")) {
    if (rule.at("action") != "SCMP_ACT_ALLOW" || rule.contains("args")) continue;
    for (const auto& name : rule.at("names"))
      EXPECT_TRUE(names.insert(name).second) << name << " is named twice";
  }
  return names;
}

TEST(SeccompProfile, RefusesWhatItDoesNotName) {
  EXPECT_EQ(profile().at("defaultAction"), "SCMP_ACT_ERRNO");
}

TEST(SeccompProfile, KnowsNoArchitectureButTheNativeOne) {
  EXPECT_EQ(profile().at("architectures"), json::array({"SCMP_ARCH_X86_64"}));
  EXPECT_FALSE(profile().contains("archMap")) << "the engine would add 32-bit and x32 by itself";
}

TEST(SeccompProfile, HasOnlyMembersThatEveryEngineUnderstands) {
  const std::set<std::string> known{"names", "action", "args", "errnoRet", "comment"};
  for (const auto& rule : profile().at("syscalls")) {
    for (const auto& [name, value] : rule.items())
      EXPECT_TRUE(known.contains(name)) << name;
  }
}

TEST(SeccompProfile, NeverAllowsWhatReachesTheHostOrOtherProcesses) {
  const auto allowed = allowed_always();
  ASSERT_TRUE(allowed.contains("read"));
  for (const char* name : {"acct",
                           "add_key",
                           "bpf",
                           "clock_settime",
                           "clone",
                           "clone3",
                           "delete_module",
                           "fanotify_init",
                           "finit_module",
                           "fsconfig",
                           "fsmount",
                           "fsopen",
                           "fspick",
                           "init_module",
                           "io_uring_enter",
                           "io_uring_register",
                           "io_uring_setup",
                           "ioperm",
                           "iopl",
                           "kcmp",
                           "kexec_file_load",
                           "kexec_load",
                           "keyctl",
                           "lookup_dcookie",
                           "memfd_secret",
                           "modify_ldt",
                           "mount",
                           "mount_setattr",
                           "move_mount",
                           "move_pages",
                           "name_to_handle_at",
                           "open_by_handle_at",
                           "open_tree",
                           "perf_event_open",
                           "personality",
                           "pidfd_getfd",
                           "pivot_root",
                           "prlimit64",
                           "process_madvise",
                           "process_vm_readv",
                           "process_vm_writev",
                           "ptrace",
                           "quotactl",
                           "quotactl_fd",
                           "reboot",
                           "request_key",
                           "setdomainname",
                           "sethostname",
                           "setns",
                           "settimeofday",
                           "socket",
                           "socketpair",
                           "swapoff",
                           "swapon",
                           "syslog",
                           "umount",
                           "umount2",
                           "unshare",
                           "uselib",
                           "userfaultfd",
                           "ustat",
                           "vhangup",
                           "vmsplice"})
    EXPECT_FALSE(allowed.contains(name)) << name;
}

TEST(SeccompProfile, AllowsSocketsByFamilyOnly) {
  std::set<int> families;
  for (const auto& rule : profile().at("syscalls")) {
    for (const auto& name : rule.at("names")) {
      if (name != "socket" && name != "socketpair") continue;
      ASSERT_TRUE(rule.contains("args"));
      const auto& family = rule.at("args").at(0);
      EXPECT_EQ(family.at("index"), 0);
      EXPECT_EQ(family.at("op"), "SCMP_CMP_EQ");
      if (rule.at("action") == "SCMP_ACT_ALLOW") families.insert(family.at("value").get<int>());
    }
  }
  EXPECT_EQ(families, (std::set<int>{1, 2, 10, 16}));
}

TEST(SeccompProfile, AllowsTheLimitsOfTheCallingProcessOnly) {
  int rules = 0;
  for (const auto& rule : profile().at("syscalls")) {
    if (rule.at("names") != json::array({"prlimit64"})) continue;
    ++rules;
    EXPECT_EQ(rule.at("action"), "SCMP_ACT_ALLOW");
    EXPECT_EQ(rule.at("args"), json::parse(R"([{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}])"));
  }
  EXPECT_EQ(rules, 1);
}

TEST(SeccompProfile, AllowsCloneWithoutNamespaces) {
  constexpr std::uint64_t kNamespaces = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 |
                                        0x40000000;  // mount, cgroup, uts, ipc, user, pid, net
  int rules = 0;
  for (const auto& rule : profile().at("syscalls")) {
    if (rule.at("names") != json::array({"clone"})) continue;
    ++rules;
    const auto& flags = rule.at("args").at(0);
    EXPECT_EQ(flags.at("value").get<std::uint64_t>(), kNamespaces);
    EXPECT_EQ(flags.at("valueTwo"), 0);
    EXPECT_EQ(flags.at("op"), "SCMP_CMP_MASKED_EQ");
  }
  EXPECT_EQ(rules, 1);
}

}  // namespace
}  // namespace skill_verifier::sandbox
