#include "sandbox/container_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "sandbox/engine_json.hpp"
#include "sandbox/seccomp_profile.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::sandbox {
namespace {

using core::Json;

ContainerSpec test_spec() {
  ContainerSpec spec;
  spec.image_id = "sha256:aa";
  spec.instance = "here";
  spec.create_id = "c1";
  spec.request_id = "req1";
  spec.job_id = "job1";
  spec.attempt = 2;
  return spec;
}

Json body_of(const ContainerSpec& spec) {
  auto parsed = core::parse_json(container_body(spec));
  EXPECT_TRUE(parsed.has_value());
  return parsed ? std::move(*parsed) : Json();
}

TEST(ContainerBody, RunsInitAloneAsRootWithoutAnythingOfTheImages) {
  const auto body = body_of(test_spec());
  EXPECT_EQ(body["Image"], "sha256:aa");
  EXPECT_EQ(body["Entrypoint"], Json({"/skill-verifier-init"}));
  EXPECT_EQ(body["Cmd"], Json::array());
  EXPECT_EQ(body["Env"], Json::array());
  EXPECT_EQ(body["User"], "0:0");
  EXPECT_EQ(body["WorkingDir"], "/");
  EXPECT_EQ(body["Healthcheck"], Json::parse(R"({"Test":["NONE"]})"));
}

TEST(ContainerBody, AttachesAllStreamsWithoutATerminal) {
  const auto body = body_of(test_spec());
  for (const auto* member : {"AttachStdin", "AttachStdout", "AttachStderr", "OpenStdin", "StdinOnce"}) {
    EXPECT_EQ(body[member], true) << member;
  }
  EXPECT_EQ(body["Tty"], false);
}

TEST(ContainerBody, HasNoNetworkAtAll) {
  const auto body = body_of(test_spec());
  EXPECT_EQ(body["NetworkDisabled"], true);
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "none");
}

TEST(ContainerBody, HasABridgeWhenAsked) {
  auto spec = test_spec();
  spec.bridge_network = true;
  const auto body = body_of(spec);
  EXPECT_EQ(body["NetworkDisabled"], false);
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "bridge");
}

TEST(ContainerBody, DropsEveryPrivilegeOfATest) {
  const auto host = body_of(test_spec())["HostConfig"];
  EXPECT_EQ(host["CapDrop"], Json({"ALL"}));
  EXPECT_EQ(host["CapAdd"], Json({"SETUID", "SETGID"}));
  EXPECT_EQ(host["Privileged"], false);
  EXPECT_EQ(host["ReadonlyRootfs"], true);
  EXPECT_EQ(host["IpcMode"], "none");
  EXPECT_EQ(host["CgroupnsMode"], "private");
  EXPECT_EQ(host["SecurityOpt"][0], "no-new-privileges:true");
  EXPECT_EQ(host["SecurityOpt"][1], "seccomp=" + std::string(seccomp_profile()));
  EXPECT_EQ(host["SecurityOpt"].size(), 2u);
}

TEST(ContainerBody, SetsEveryLimit) {
  auto spec = test_spec();
  spec.limits.memory_bytes = 1000;
  spec.limits.nano_cpus = 2000;
  spec.limits.pids = 30;
  spec.limits.open_files = 40;
  spec.limits.file_bytes = 50;
  const auto host = body_of(spec)["HostConfig"];
  EXPECT_EQ(host["Memory"], 1000);
  EXPECT_EQ(host["MemorySwap"], 1000);
  EXPECT_EQ(host["NanoCpus"], 2000);
  EXPECT_EQ(host["PidsLimit"], 30);
  EXPECT_EQ(host["Ulimits"], Json::parse(R"([{"Name":"nofile","Soft":40,"Hard":40},{"Name":"core","Soft":0,"Hard":0},
                                             {"Name":"fsize","Soft":50,"Hard":50}])"));
}

TEST(ContainerBody, CapsEveryPlaceThatCanBeWritten) {
  auto spec = test_spec();
  spec.limits.skill_bytes = 111;
  spec.limits.tmp_bytes = 222;
  spec.limits.inodes = 33;
  EXPECT_EQ(body_of(spec)["HostConfig"]["Tmpfs"], Json::parse(R"({
              "/skill": "rw,exec,nosuid,nodev,size=111,nr_inodes=33,mode=0755,uid=65534,gid=65534",
              "/tmp": "rw,noexec,nosuid,nodev,size=222,nr_inodes=33,mode=1777",
              "/dev/shm": "rw,noexec,nosuid,nodev,size=16777216,nr_inodes=256,mode=1777"})"));
}

TEST(ContainerBody, KeepsNoLogAndNeverRestarts) {
  const auto host = body_of(test_spec())["HostConfig"];
  EXPECT_EQ(host["LogConfig"]["Type"], "none");
  EXPECT_EQ(host["RestartPolicy"]["Name"], "no");
}

TEST(ContainerBody, MountsNothingOfTheHost) {
  for (const auto role : {Role::test, Role::prepare, Role::build}) {
    auto spec = test_spec();
    spec.role = role;
    spec.bridge_network = true;
    const auto body = body_of(spec);
    for (const auto* member : {"Binds", "Mounts", "VolumesFrom", "Devices", "DeviceRequests", "PidMode", "UTSMode",
                               "UsernsMode", "ExtraHosts", "Links", "PortBindings", "GroupAdd", "Sysctls"}) {
      EXPECT_FALSE(body["HostConfig"].contains(member)) << member;
    }
    EXPECT_FALSE(body.contains("Volumes"));
    EXPECT_EQ(container_body(spec).find(".sock"), std::string::npos);
  }
}

TEST(ContainerBody, IsLabelled) {
  EXPECT_EQ(body_of(test_spec())["Labels"],
            Json::parse(R"({"skill-verifier.instance":"here","skill-verifier.job":"job1","skill-verifier.attempt":"2",
                            "skill-verifier.role":"test","skill-verifier.create":"c1"})"));
}

TEST(ContainerBody, StaysUntilWeHaveAskedHowItEnded) {
  for (const auto role : {Role::test, Role::prepare, Role::build}) {
    auto spec = test_spec();
    spec.role = role;
    EXPECT_EQ(body_of(spec)["HostConfig"]["AutoRemove"], false) << to_string(role);
  }
}

TEST(ContainerBody, LetsPackageManagersWriteWhenItPrepares) {
  auto spec = test_spec();
  spec.role = Role::prepare;
  const auto body = body_of(spec);
  const auto host = body["HostConfig"];
  EXPECT_EQ(host["ReadonlyRootfs"], false);
  EXPECT_EQ(host["CapDrop"], Json({"ALL"}));
  EXPECT_EQ(host["CapAdd"],
            Json({"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SYS_CHROOT"}));
  EXPECT_FALSE(host.contains("Tmpfs"));
  EXPECT_EQ(host["SecurityOpt"], body_of(test_spec())["HostConfig"]["SecurityOpt"]);
  for (const auto* member : {"Memory", "MemorySwap", "NanoCpus", "PidsLimit", "Ulimits"}) {
    EXPECT_EQ(host[member], body_of(test_spec())["HostConfig"][member]) << member;
  }
  EXPECT_EQ(body["NetworkDisabled"], true);
  EXPECT_EQ(body["Labels"]["skill-verifier.role"], "prepare");
}

TEST(ContainerBody, NeedsNothingToBuild) {
  auto spec = test_spec();
  spec.role = Role::build;
  const auto body = body_of(spec);
  EXPECT_EQ(body["OpenStdin"], false);
  EXPECT_EQ(body["HostConfig"]["CapAdd"], Json::array());
  EXPECT_EQ(body["HostConfig"]["ReadonlyRootfs"], false);
}

TEST(ContainerBody, NamesRuntimeAndCgroupOnlyWhenConfigured) {
  auto spec = test_spec();
  EXPECT_FALSE(body_of(spec)["HostConfig"].contains("Runtime"));
  EXPECT_FALSE(body_of(spec)["HostConfig"].contains("CgroupParent"));
  spec.oci_runtime = "runsc";
  spec.cgroup_parent = "/jobs";
  EXPECT_EQ(body_of(spec)["HostConfig"]["Runtime"], "runsc");
  EXPECT_EQ(body_of(spec)["HostConfig"]["CgroupParent"], "/jobs");
}

TEST(ContainerBody, GivesPodmanWhatItTakesAndTakesWhatItGives) {
  const auto spec = test_spec();
  const auto parsed = core::parse_json(container_body(spec, kPodmanTraits, "/data/seccomp-1.json"));
  ASSERT_TRUE(parsed.has_value());
  const Json& host = parsed->at("HostConfig");
  EXPECT_EQ(host["SecurityOpt"], Json::parse(R"(["no-new-privileges:true","seccomp=/data/seccomp-1.json"])"));
  EXPECT_EQ(host["Ulimits"].back(), Json::parse(R"({"Name":"nproc","Soft":32768,"Hard":32768})"));
  for (const auto& [path, options] : host["Tmpfs"].items()) {
    const auto text = options.get<std::string>();
    EXPECT_EQ(text.find("nr_inodes"), std::string::npos) << path;
    EXPECT_EQ(text.find("uid="), std::string::npos) << path;
    EXPECT_NE(text.find("notmpcopyup"), std::string::npos) << path;
  }
  for (const char* added : {"/run", "/var/tmp"})
    EXPECT_TRUE(host["Tmpfs"][added].get<std::string>().starts_with("ro,noexec,nosuid,nodev,size=4096")) << added;
  // What the tmpfs cannot, PID 1 does.
  const auto inodes = std::to_string(spec.limits.inodes);
  EXPECT_EQ(parsed->at("Cmd"), (Json{"--inodes=/skill=" + inodes, "--inodes=/tmp=" + inodes, "--inodes=/dev/shm=256"}));
  // Everything else is the same for every engine.
  auto rest = *parsed, docker = body_of(spec);
  for (auto* body : {&rest, &docker}) {
    body->erase("Cmd");
    for (const char* member : {"SecurityOpt", "Ulimits", "Tmpfs"})
      body->at("HostConfig").erase(member);
  }
  EXPECT_EQ(rest, docker);
}

TEST(ContainerBody, AsksNothingOfPid1WhereThereIsNoTmpfs) {
  auto spec = test_spec();
  spec.role = Role::prepare;
  const auto parsed = core::parse_json(container_body(spec, kPodmanTraits, "/p"));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->at("Cmd"), Json::array());
  EXPECT_FALSE(parsed->at("HostConfig").contains("Tmpfs"));
}

ContainerLimits given_to(const ContainerSpec& spec) {
  ContainerLimits given;
  given.memory_bytes = given.memory_swap_bytes = spec.limits.memory_bytes;
  given.nano_cpus = spec.limits.nano_cpus;
  given.pids = spec.limits.pids;
  given.read_only = true;
  given.network = "none";
  given.security_options = {"no-new-privileges", "seccomp=/p"};
  const auto body = core::parse_json(container_body(spec, kPodmanTraits, "/p"));
  for (const auto& [path, options] : body->at("HostConfig")["Tmpfs"].items())
    given.tmpfs.emplace_back(path, options.get<std::string>() + ",rprivate");
  return given;
}

TEST(UnheldIn, IsEmptyWhereTheContainerGotEverything) {
  EXPECT_EQ(unheld_in(given_to(test_spec()), test_spec(), "/p"), std::vector<std::string>{});
}

TEST(UnheldIn, NamesEachThingThatWasLeftOut) {
  const std::pair<std::function<void(ContainerLimits&)>, const char*> cases[] = {
      {[](auto& given) { given.memory_bytes = 0; }, "the limit of memory and swap"},
      {[](auto& given) { given.memory_swap_bytes *= 2; }, "the limit of memory and swap"},
      {[](auto& given) { given.nano_cpus = 0; }, "the limit of CPU time"},
      {[](auto& given) { given.pids = 2048; }, "the limit of processes"},
      {[](auto& given) { given.read_only = false; }, "the read-only root without privileges"},
      {[](auto& given) { given.privileged = true; }, "the read-only root without privileges"},
      {[](auto& given) { given.network = "slirp4netns"; }, "the absence of a network"},
      {[](auto& given) { given.security_options.erase(given.security_options.begin()); }, "no-new-privileges"},
      {[](auto& given) { given.security_options.back() = "seccomp=unconfined"; }, "the seccomp profile"},
      {[](auto& given) { given.mounts.emplace_back("/etc/x"); }, "the absence of mounts"},
      {[](auto& given) { std::erase_if(given.tmpfs, [](auto& one) { return one.first == "/tmp"; }); },
       "the limit of /tmp"},
      {[](auto& given) { given.tmpfs.emplace_back("/mnt", "rw,nosuid"); }, "nothing writable at /mnt"},
  };
  for (const auto& [damage, phrase] : cases) {
    auto given = given_to(test_spec());
    damage(given);
    EXPECT_EQ(unheld_in(given, test_spec(), "/p"), std::vector<std::string>{phrase});
  }
}

TEST(CommitLabels, SayWhatTheImageIsAndClearTheContainers) {
  const auto config = core::parse_json(engine_json::commit_config(commit_labels({"here", "derived", "k", "i"})));
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(*config, Json::parse(R"({"Labels":{"skill-verifier.instance":"here","skill-verifier.image":"derived",
      "skill-verifier.key":"k","skill-verifier.init":"i","skill-verifier.role":"","skill-verifier.job":"",
      "skill-verifier.attempt":"","skill-verifier.create":""}})"));
}

}  // namespace
}  // namespace skill_verifier::sandbox
