// Against a Docker Engine of its own: SKILL_VERIFIER_TEST_DOCKER_HOST names it, in DOCKER_HOST's form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "sandbox/engine.hpp"
#include "skill_verifier/core/ids.hpp"
#include "support/await.hpp"

namespace skill_verifier::sandbox {
namespace {

using test::await;
namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr const char* kShell = "/usr/bin/busybox";

/// Makes an image with a static busybox in its root and removes everything that carries this run's label.
class RealEngine : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* host = std::getenv("SKILL_VERIFIER_TEST_DOCKER_HOST");
    if (host == nullptr) GTEST_SKIP() << "SKILL_VERIFIER_TEST_DOCKER_HOST is not set";
    std::ifstream file(kShell, std::ios::binary);
    if (!file) GTEST_SKIP() << "busybox-static is not installed";
    std::ostringstream shell;
    shell << file.rdbuf();
    const auto endpoint = net::parse_endpoint(host);
    ASSERT_TRUE(endpoint) << endpoint.error().message;
    engine.emplace(io.get_executor(), *endpoint);
    net::HttpClient client(io.get_executor(), *endpoint);
    net::Request import;
    import.method = "POST";
    import.target = "/v1.41/images/create?fromSrc=-&repo=" + image;
    import.headers = {{"Content-Type", "application/x-tar"}};
    import.body = tar_of_file("sh", shell.str(), 0755);
    const auto imported = await(io, client.send(std::move(import)));
    ASSERT_TRUE(imported) << imported.error().message;
    ASSERT_EQ(imported->status, 200) << imported->body;
  }

  void TearDown() override {
    if (!engine) return;
    const auto containers = await(io, engine->list_containers({label}));
    ASSERT_TRUE(containers) << containers.error().message;
    for (const auto& container : *containers)
      EXPECT_TRUE(await(io, engine->remove_container(container.id)));
    const auto images = await(io, engine->list_images({label}));
    ASSERT_TRUE(images) << images.error().message;
    for (const auto& entry : *images)
      EXPECT_TRUE(await(io, engine->remove_image(entry.id, true)));
    EXPECT_TRUE(await(io, engine->remove_image(image, true)));
  }

  std::string create(const std::string& script, const std::string& from) {
    const std::string body = R"({"Image":")" + from + R"(","Entrypoint":["/sh","-c",")" + script +
                             R"("],"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"OpenStdin":true,)"
                             R"("StdinOnce":true,"Tty":false,"NetworkDisabled":true,"Labels":{")" +
                             label + R"(":"1"},"HostConfig":{"NetworkMode":"none","LogConfig":{"Type":"none"}}})";
    const auto created = await(io, engine->create_container(body));
    EXPECT_TRUE(created) << created.error().message;
    return created ? created->id : std::string();
  }

  /// Everything up to the end of the stream.
  Result<void> read_all(net::Stream& stream, std::string& out, std::string& err) {
    StdStreams streams;
    std::array<std::uint8_t, 4096> buffer;
    for (;;) {
      const auto size = await(io, stream.read_some(buffer, 30s));
      if (!size) return size.error();
      if (*size == 0) break;
      auto fed = streams.feed(ByteView(buffer).first(*size), [&](StdStreams::Source source, ByteView bytes) {
        (source == StdStreams::Source::out ? out : err) += core::as_text(bytes);
      });
      if (!fed) return fed;
    }
    EXPECT_TRUE(streams.at_boundary());
    return {};
  }

  asio::io_context io{1};
  std::optional<Engine> engine;
  const std::string label = "engine-test-" + core::random_hex(6);
  const std::string image = "engine-test-" + core::random_hex(6);
};

TEST_F(RealEngine, SaysWhatItIs) {
  const auto version = await(io, engine->negotiate());
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_TRUE(version->starts_with("1.")) << *version;
  const auto info = await(io, engine->info());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_FALSE(info->id.empty() || info->version.empty() || info->cgroup_driver.empty() || info->runtimes.empty());
  EXPECT_GT(info->cpus, 0);
  EXPECT_GT(info->memory_bytes, 0u);
  EXPECT_TRUE(info->memory_limit && info->pids_limit && info->cpu_quota);
  EXPECT_TRUE(info->has_security_option("seccomp"));
  EXPECT_TRUE(await(io, engine->ping()));
}

TEST_F(RealEngine, RunsAContainerFromCreateToRemove) {
  const std::string id = create("read x; echo got $x; echo bad >&2; exit 7", image);
  auto stream = await(io, engine->attach_container(id));
  ASSERT_TRUE(stream) << stream.error().message;
  auto wait = await(io, engine->wait_next_exit(id));
  ASSERT_TRUE(wait) << wait.error().message;
  const auto started = await(io, engine->start_container(id));
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_TRUE(await(io, engine->start_container(id))) << "starting twice is no error";
  ASSERT_TRUE(await(io, (*stream)->write_all(core::as_bytes("input\n"), 10s)));
  (*stream)->shutdown_write();
  std::string out;
  std::string err;
  const auto read = read_all(**stream, out, err);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(out, "got input\n");
  EXPECT_EQ(err, "bad\n");
  const auto exit = await(io, wait->result(30s));
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->code, 7);
  const auto again = await(io, engine->wait_not_running(id, 10s));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->code, 7);
  const auto details = await(io, engine->inspect_container(id));
  ASSERT_TRUE(details) << details.error().message;
  EXPECT_EQ(details->status, "exited");
  EXPECT_EQ(details->exit_code, 7);
  EXPECT_FALSE(details->running || details->oom_killed);
  ASSERT_TRUE(await(io, engine->remove_container(id)));
  ASSERT_TRUE(await(io, engine->remove_container(id))) << "removing twice is no error";
  const auto gone = await(io, engine->inspect_container(id));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().id, "container_missing");
}

TEST_F(RealEngine, KillsAContainerThatRuns) {
  const std::string id = create("read never", image);
  auto wait = await(io, engine->wait_next_exit(id));
  ASSERT_TRUE(wait);
  ASSERT_TRUE(await(io, engine->start_container(id)));
  EXPECT_TRUE(await(io, engine->inspect_container(id))->running);
  ASSERT_TRUE(await(io, engine->kill_container(id, "KILL")));
  const auto exit = await(io, wait->result(30s));
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->code, 137);
  const auto again = await(io, engine->kill_container(id, "KILL"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().id, "engine_conflict");
}

TEST_F(RealEngine, NamesWhatIsMissing) {
  const auto inspected = await(io, engine->inspect_image("no/such-image:1"));
  ASSERT_FALSE(inspected);
  EXPECT_EQ(inspected.error().id, "image_missing");
  const auto created = await(io, engine->create_container(R"({"Image":"no/such-image:1"})"));
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().id, "image_missing");
  const auto removed = await(io, engine->remove_image("no/such-image:1", true));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().id, "image_missing");
  for (const auto& id : {std::string("0000000000ff"), std::string("a/../b"), std::string("a b")}) {
    const auto attached = await(io, engine->attach_container(id));
    ASSERT_FALSE(attached) << id;
    const auto waited = await(io, engine->wait_next_exit(id));
    ASSERT_FALSE(waited) << id;
  }
  const auto copied = await(io, engine->put_archive("0000000000ff", "/", tar_of_file("x", "x", 0644)));
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().id, "container_missing");
}

TEST_F(RealEngine, CopiesAFileAndKeepsItInANewImage) {
  const std::string id = create("exit 0", image);
  const auto put = await(io, engine->put_archive(id, "/", tar_of_file("tool", "#!/sh\necho tool ran\n", 0755)));
  ASSERT_TRUE(put) << put.error().message;
  const auto missing = await(io, engine->put_archive(id, "/no/where", tar_of_file("x", "x", 0644)));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().id, "engine_error") << missing.error().message;
  const auto written = await(io, engine->written_bytes(id, 10s));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_GT(*written, 10u);
  const auto changed = await(io, engine->changed_files(id, 100, 10s));
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(*changed, 1u);

  CommitRequest request;
  request.container_id = id;
  request.labels = {{label, "derived"}};
  const auto derived = await(io, engine->commit_container(request));
  ASSERT_TRUE(derived) << derived.error().message;
  const auto details = await(io, engine->inspect_image(*derived));
  ASSERT_TRUE(details) << details.error().message;
  EXPECT_EQ(details->id, *derived);
  EXPECT_THAT(details->labels, ::testing::Contains(std::pair<std::string, std::string>(label, "derived")));
  EXPECT_EQ(details->parent, await(io, engine->inspect_image(image))->id);
  const auto listed = await(io, engine->list_images({label + "=derived"}));
  ASSERT_TRUE(listed) << listed.error().message;
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().id, *derived);

  const std::string second = create("/tool | { read word rest; test x$word = xtool; }", *derived);
  auto wait = await(io, engine->wait_next_exit(second));
  ASSERT_TRUE(wait);
  ASSERT_TRUE(await(io, engine->start_container(second)));
  EXPECT_EQ(await(io, wait->result(30s))->code, 0);
  const auto containers = await(io, engine->list_containers({label}));
  ASSERT_TRUE(containers);
  EXPECT_EQ(containers->size(), 2u);
}

}  // namespace
}  // namespace skill_verifier::sandbox
