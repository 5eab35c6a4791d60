#include "skill_verifier/http/server.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "http/client.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_sandbox.hpp"

namespace skill_verifier::http {
namespace {

namespace asio = core::asio;
using test::Answer;
using test::Client;
using test::request_text;

/// One file as a POSIX tar.
std::string tar_of(const std::string& path, const std::string& text) {
  std::string header(512, '\0');
  header.replace(0, path.size(), path);
  header.replace(100, 8, std::string("0000644\0", 8));
  char size[16];
  std::snprintf(size, sizeof size, "%011zo", text.size());
  header.replace(124, 11, size);
  header[156] = '0';
  header.replace(257, 8, std::string("ustar\00000", 8));
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : header)
    sum += static_cast<unsigned char>(c);
  char checksum[16];
  std::snprintf(checksum, sizeof checksum, "%06o", sum);
  header.replace(148, 7, std::string(checksum) + '\0');
  return header + text + std::string((512 - text.size() % 512) % 512 + 1024, '\0');
}

const std::string kManifest =
    "---\nname: hello-world\nversion: 1.0.0\ndescription: Prints a greeting\nruntime: alpine:latest\n"
    "test_command: [\"sh\", \"-c\", \"echo 'Hello from skill!' && exit 0\"]\n---\n";

/// A whole Server over a Service with a memory store and a fake sandbox.
class ServerOverService : public testing::Test {
 protected:
  ServerOverService() {
    std::string name = (std::filesystem::temp_directory_path() / "skill-verifier-server-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    store_ = store::open_memory_store(directory_);
    service::ServiceOptions options;
    options.verifier = "skill-verifier 0.1.0";
    options.verifier_sha256 = std::string(64, 'e');
    service_ =
        std::make_unique<service::Service>(io_.get_executor(), pool_, clock_, *store_, sandbox_, nullptr, options);
    ServerOptions server_options;
    server_options.port = 0;
    server_ = std::make_unique<Server>(io_.get_executor(), pool_, *service_, clock_, store_->spool(), server_options);
    thread_ = std::thread([this] { io_.run(); });
    EXPECT_TRUE(run(service_->start()));
    EXPECT_TRUE(server_->start());
  }
  ~ServerOverService() override {
    run(server_->stop(core::Duration::zero()));
    run(service_->stop());
    guard_.reset();
    thread_.join();
    pool_.join();
    EXPECT_TRUE(std::filesystem::is_empty(store_->spool()));
    server_.reset();
    service_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  template <class T>
  T run(core::awaitable<T> work) {
    return asio::co_spawn(io_, std::move(work), asio::use_future).get();
  }
  Answer call(const std::string& method, const std::string& path, const std::string& headers = {},
              const std::string& body = {}) {
    Client client(server_->port());
    return client.exchange(request_text(method, path, headers, body));
  }
  static core::OrderedJson json(const Answer& answer) { return core::OrderedJson::parse(answer.body); }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_ = asio::make_work_guard(io_);
  core::WorkPool pool_{2};
  test::FakeClock clock_;
  test::FakeSandbox sandbox_{io_.get_executor()};
  std::filesystem::path directory_;
  std::unique_ptr<store::JobStore> store_;
  std::unique_ptr<service::Service> service_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

std::vector<std::string> members(const core::OrderedJson& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items())
    names.push_back(name);
  return names;
}
using Names = std::vector<std::string>;
Names first(Names names, std::size_t count) {
  names.resize(std::min(count, names.size()));
  return names;
}

TEST_F(ServerOverService, TakesAFormToAVerdictInThePredecessorsShape) {
  sandbox_.runs.push_back(test::FakeSandbox::step(test::FakeSandbox::exited(0, "Hello from skill!\n")));
  const Answer posted = call("POST", "/verify", "Content-Type: multipart/form-data; boundary=B\r\n",
                             "--B\r\nContent-Disposition: form-data; name=\"skill\"; filename=\"hello.tar\"\r\n\r\n" +
                                 tar_of("SKILL.md", kManifest) +
                                 "\r\n--B\r\nContent-Disposition: form-data; name=\"nonce\"\r\n\r\nn-1\r\n--B--\r\n");
  ASSERT_EQ(posted.status, 202) << posted.body;
  EXPECT_EQ(members(json(posted)), (Names{"jobId", "status", "statusUrl", "message"}));
  const std::string url = json(posted)["statusUrl"].get<std::string>();
  EXPECT_EQ(posted.header("Location"), url);

  const auto job = json(call("GET", url + "?wait=30"));
  EXPECT_EQ(job["status"], "completed") << job.dump();
  EXPECT_EQ(members(job), (Names{"jobId", "status", "createdAt", "startedAt", "completedAt", "result"}));
  const auto& result = job["result"];
  EXPECT_EQ(first(members(result), 6),
            (Names{"skillId", "timestamp", "duration", "result", "attestation", "manifest"}));
  EXPECT_EQ(first(members(result["result"]), 5), (Names{"passed", "exitCode", "stdout", "stderr", "duration"}));
  EXPECT_EQ(result["skillId"], "hello-world@1.0.0");
  EXPECT_EQ(result["result"]["passed"], true);
  EXPECT_EQ(result["result"]["stdout"], "Hello from skill!\n");

  const auto document = json(call("GET", url + "/attestation"));
  EXPECT_EQ(first(members(document), 5), (Names{"jobId", "skillId", "timestamp", "passed", "attestation"}));
  EXPECT_EQ(document["attestation"]["verifier"], "none");
  const std::string statement = document["statement"].get<std::string>();
  EXPECT_EQ(document["attestation"]["resultHash"], core::sha256_hex(statement));
  EXPECT_NE(statement.find("n-1"), std::string::npos);
  EXPECT_NE(call("GET", url + "/logs").body.find("Hello from skill!"), std::string::npos);

  const auto list = json(call("GET", "/jobs"));
  EXPECT_EQ(list["total"], 1);
  EXPECT_EQ(list["jobs"][0]["id"], job["jobId"]);
  EXPECT_EQ(json(call("GET", "/health"))["jobs"]["completed"], 1);
  EXPECT_EQ(call("DELETE", url).status, 200);
  EXPECT_EQ(call("GET", url).status, 404);
  EXPECT_EQ(call("GET", url + "/logs").status, 404);
  EXPECT_EQ(json(call("GET", "/jobs"))["total"], 0);
}

TEST_F(ServerOverService, NeedsOnlyMembersThatTheOpenapiDocumentKnows) {
  const Answer posted =
      call("POST", "/verify?filename=a.tar", "Content-Type: application/x-tar\r\n", tar_of("SKILL.md", kManifest));
  ASSERT_EQ(posted.status, 202) << posted.body;
  const auto job = json(call("GET", json(posted)["statusUrl"].get<std::string>() + "?wait=30"));
  const auto schemas = core::OrderedJson::parse(openapi_json())["components"]["schemas"];
  const auto expect_known = [&schemas](const core::OrderedJson& value, const char* schema) {
    for (const auto& [name, member] : value.items())
      EXPECT_TRUE(schemas[schema]["properties"].contains(name)) << schema << " has no " << name;
  };
  expect_known(job, "Job");
  expect_known(job["result"], "Result");
  expect_known(job["result"]["result"], "TestResult");
  expect_known(job["result"]["attestation"], "Attestation");
  expect_known(json(call("GET", "/health")), "Health");
}

TEST_F(ServerOverService, RefusesWhatIsNoPackage) {
  const Answer garbage = call("POST", "/verify", "Content-Type: application/zip\r\n", "this is no archive");
  EXPECT_TRUE(garbage.status == 422 || garbage.status == 415) << garbage.body;
  const Answer escaping =
      call("POST", "/verify", "Content-Type: application/x-tar\r\n", tar_of("../SKILL.md", kManifest));
  EXPECT_EQ(escaping.status, 422);
  EXPECT_EQ(json(escaping)["code"], "archive_path_escapes") << escaping.body;
  const Answer nonce =
      call("POST", "/verify?nonce=%01", "Content-Type: application/x-tar\r\n", tar_of("SKILL.md", kManifest));
  EXPECT_EQ(nonce.status, 400);
  EXPECT_EQ(json(nonce)["code"], "nonce_invalid") << nonce.body;
  const Answer path = call("POST", "/verify", "Content-Type: application/json\r\n", R"({"skillPath":"/etc"})");
  EXPECT_EQ(path.status, 422);
  EXPECT_EQ(json(path)["code"], "skill_path_disabled") << path.body;
  EXPECT_EQ(json(call("GET", "/jobs"))["total"], 0);
}

TEST_F(ServerOverService, CancelsARunningJob) {
  sandbox_.runs.push_back(test::FakeSandbox::held(test::FakeSandbox::exited(0)));
  const Answer posted = call("POST", "/verify", "Content-Type: application/x-tar\r\n", tar_of("SKILL.md", kManifest));
  ASSERT_EQ(posted.status, 202) << posted.body;
  EXPECT_TRUE(run(sandbox_.until_running(1)));
  EXPECT_EQ(call("DELETE", posted.header("Location")).status, 200);
  EXPECT_EQ(call("GET", posted.header("Location")).status, 404);
}

}  // namespace
}  // namespace skill_verifier::http
