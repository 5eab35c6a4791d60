#include <gtest/gtest.h>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

bool has_image() {
  return run({"docker", "image", "inspect", "skill-verifier:dev"}, {{"DOCKER_HOST", docker_host()}}).exit_code == 0;
}

/// The service's own container, as compose.yml runs it; removed with the object.
class ServiceContainer {
 public:
  ServiceContainer() {
    const std::string socket = docker_host().substr(std::string("unix://").size());
    const std::string group = run({"stat", "-c", "%g", socket}).out;
    id_ = docker({"run",
                  "-d",
                  "--read-only",
                  "--tmpfs",
                  "/tmp",
                  "--cap-drop",
                  "ALL",
                  "--security-opt",
                  "no-new-privileges:true",
                  "--group-add",
                  group.substr(0, group.find('\n')),
                  "-v",
                  socket + ":/var/run/docker.sock",
                  "-v",
                  "/data",
                  "-e",
                  "SKILL_VERIFIER_RUNTIMES=alpine:latest=skill-verifier.local/busybox:1",
                  "-e",
                  "SKILL_VERIFIER_ENGINE_PULL=false",
                  "skill-verifier:dev"});
    id_.erase(id_.find('\n'));
  }
  ~ServiceContainer() { run({"docker", "rm", "-fv", id_}, {{"DOCKER_HOST", docker_host()}}); }

  std::string exec(std::vector<std::string> command) const {
    command.insert(command.begin(), {"exec", id_});
    return docker(std::move(command));
  }
  std::string logs() const { return docker({"logs", id_}); }
  const std::string& id() const { return id_; }

 private:
  std::string id_;
};

TEST(Image, ServesAsAnUnprivilegedUserOnAReadOnlyRoot) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  if (!has_image()) GTEST_SKIP() << "the engine has no image skill-verifier:dev (./dev image builds it)";
  const ServiceContainer service;
  EXPECT_EQ(service.exec({"id", "-u"}), "10001\n");
  const std::string status = service.exec({"cat", "/proc/1/status"});
  for (const std::string set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_NE(status.find(set + ":\t0000000000000000\n"), std::string::npos) << status;
  EXPECT_NE(status.find("NoNewPrivs:\t1\n"), std::string::npos) << status;
  EXPECT_NE(status.find("Seccomp:\t2\n"), std::string::npos) << status;
  EXPECT_NE(service.exec({"sh", "-c", "touch /usr/x 2>&1; true"}).find("Read-only"), std::string::npos);
  service.exec({"curl", "-fsS", "--retry", "60", "--retry-delay", "1", "--retry-connrefused", "-o", "/dev/null",
                "http://127.0.0.1:3000/health"});
  service.exec({"sh", "-c",
                "mkdir /tmp/hello && printf -- '---\\nname: hello\\ndescription: x\\nmetadata:\\n  test_command: echo "
                "hi\\n---\\n' "
                ">/tmp/hello/SKILL.md && tar -czf /tmp/hello.tgz -C /tmp hello"});
  const Json accepted =
      Json::parse(service.exec({"curl", "-sS", "-F", "skill=@/tmp/hello.tgz", "http://127.0.0.1:3000/verify"}));
  Json job = Json::parse(service.exec(
      {"curl", "-sS", "http://127.0.0.1:3000/verify/" + accepted.at("jobId").get<std::string>() + "?wait=60"}));
  EXPECT_EQ(job["status"], "completed") << job.dump(2);
  EXPECT_EQ(job["result"]["result"]["stdout"], "hi\n");
}

}  // namespace
}  // namespace skill_verifier::e2e
