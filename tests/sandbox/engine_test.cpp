#include "sandbox/engine.hpp"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>

#include "support/await.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::sandbox {
namespace {

using test::await;
using test::await_cancelled;
using test::Reply;
using test::ScriptedServer;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Table = std::map<std::string, Reply>;

Reply ping(const std::string& newest) {
  return Reply::with(200, "OK", {{"Api-Version", newest}});
}
Reply version(const std::string& oldest) {
  return Reply::json(200, R"({"MinAPIVersion":")" + oldest + "\"}");
}

/// An engine of canned answers that speaks 1.12 to 1.41, and our client for it.
struct ScriptedEngine {
  explicit ScriptedEngine(Table table, const std::string& newest = "1.41", const std::string& oldest = "1.12")
      : server(test::routes(with_version(std::move(table), newest, oldest)), ScriptedServer::Transport::unix_socket),
        engine(io.get_executor(), *net::parse_endpoint(server.url()), options()) {}

  static Table with_version(Table table, const std::string& newest, const std::string& oldest) {
    table.emplace("GET /_ping", ping(newest));
    table.emplace("GET /version", version(oldest));
    return table;
  }
  static EngineOptions options() {
    EngineOptions options;
    options.call = 10s;
    return options;
  }
  std::string last_target() const { return server.requests().back().target; }

  ScriptedServer server;
  asio::io_context io{1};
  Engine engine;
};

template <class T>
void expect_error(const Result<T>& result, Errc code, const std::string& id, const std::string& text) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_EQ(result.error().id, id) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(text));
}

Reply failure(int status, const std::string& message) {
  return Reply::json(status, R"({"message":")" + message + "\"}");
}

// ---- version -------------------------------------------------------------------------------------------------------

std::string negotiated(const std::string& newest, const std::string& oldest) {
  ScriptedEngine scripted({}, newest, oldest);
  const auto result = await(scripted.io, scripted.engine.negotiate());
  return result ? *result : result.error().id;
}

TEST(EngineVersion, IsTheNewestThatBothSpeak) {
  EXPECT_EQ(negotiated("1.41", "1.12"), "1.41");
  EXPECT_EQ(negotiated("1.47", "1.24"), "1.47");
  EXPECT_EQ(negotiated("1.52", "1.44"), "1.52");
  EXPECT_EQ(negotiated("1.56", "1.40"), "1.52");
  EXPECT_EQ(negotiated("1.100", "1.52"), "1.52");
  EXPECT_EQ(negotiated("1.41", ""), "1.41");
}

TEST(EngineVersion, IsRefusedWhenTooOldTooNewOrAbsent) {
  EXPECT_EQ(negotiated("1.40", "1.12"), "engine_version");
  EXPECT_EQ(negotiated("1.9", "1.1"), "engine_version");
  EXPECT_EQ(negotiated("1.60", "1.53"), "engine_version");
  EXPECT_EQ(negotiated("2.0", "2.0"), "engine_version");
  for (const char* text : {"", "1", "1.", ".41", "1.41x", "x1.41", "-1.41", "1.-1", "99999999999.1"}) {
    EXPECT_EQ(negotiated(text, "1.12"), "engine_version") << text;
  }
  ScriptedEngine old({}, "1.40", "1.12");
  const auto result = await(old.io, old.engine.info());
  expect_error(result, Errc::unsupported, "engine_version", "1.12 to 1.40");
  EXPECT_THAT(result.error().hint, HasSubstr("20.10"));
}

TEST(EngineVersion, IsAskedForOnceAndPrefixesEveryCall) {
  ScriptedEngine scripted({{"GET /v1.41/info", Reply::json(200, "{}")}});
  ASSERT_TRUE(await(scripted.io, scripted.engine.info()));
  ASSERT_TRUE(await(scripted.io, scripted.engine.info()));
  std::vector<std::string> targets;
  for (const auto& request : scripted.server.requests())
    targets.push_back(request.target);
  EXPECT_THAT(targets, ElementsAre("/_ping", "/version", "/v1.41/info", "/v1.41/info"));
  EXPECT_EQ(scripted.server.connections(), 1u);
}

// ---- connection ----------------------------------------------------------------------------------------------------

TEST(EngineConnection, ReportsAnEngineThatIsNotThere) {
  asio::io_context io{1};
  Engine engine(io.get_executor(), *net::parse_endpoint("unix:///nonexistent/docker.sock"));
  const auto result = await(io, engine.info());
  expect_error(result, Errc::unavailable, "engine_unreachable", "No such file");
  EXPECT_EQ(result.error().message.find("nonexistent"), std::string::npos);
  EXPECT_FALSE(result.error().hint.empty());
}

TEST(EngineConnection, ReportsAConnectionThatBreaks) {
  ScriptedEngine scripted({{"POST /v1.41/containers/c/start", Reply::closed()}});
  expect_error(await(scripted.io, scripted.engine.start_container("c")), Errc::unavailable, "engine_unreachable",
               "start container c");
}

TEST(EngineConnection, ReportsAnEngineThatDoesNotSpeakHttp) {
  ScriptedEngine scripted({{"GET /v1.41/info", Reply::raw("SSH-2.0\r\n\r\n")}});
  expect_error(await(scripted.io, scripted.engine.info()), Errc::unavailable, "engine_error", "HTTP");
}

TEST(EngineConnection, ReportsASilentEngineAsTimedOut) {
  ScriptedEngine scripted({{"POST /v1.41/containers/c/wait", Reply::silent()}});
  expect_error(await(scripted.io, scripted.engine.wait_not_running("c", 30ms)), Errc::timed_out, "engine_timed_out",
               "wait for container c");
}

TEST(EngineConnection, EndsACallWhenItIsCancelled) {
  ScriptedEngine scripted({{"GET /v1.41/info", Reply::silent()}});
  const auto result =
      await_cancelled(scripted.io, scripted.engine.info(), [&] { return scripted.server.requests().size() == 3; });
  expect_error(result, Errc::cancelled, "cancelled", "");
}

// ---- error answers -------------------------------------------------------------------------------------------------

TEST(EngineErrors, TellAMissingImageFromAMissingContainer) {
  ScriptedEngine scripted({{"GET /v1.41/images/a%2Fb%3A1/json", failure(404, "No such image: a/b:1")},
                           {"POST /v1.41/containers/create", failure(404, "No such image: a")},
                           {"GET /v1.41/containers/c/json", failure(404, "No such container: c")},
                           {"POST /v1.41/containers/c/kill", failure(404, "No such container: c")},
                           {"POST /v1.41/commit", failure(404, "No such container: c")}});
  auto& engine = scripted.engine;
  expect_error(await(scripted.io, engine.inspect_image("a/b:1")), Errc::not_found, "image_missing",
               "No such image: a/b:1");
  expect_error(await(scripted.io, engine.create_container("{}")), Errc::not_found, "image_missing", "No such image: a");
  expect_error(await(scripted.io, engine.inspect_container("c")), Errc::not_found, "container_missing",
               "No such container");
  expect_error(await(scripted.io, engine.kill_container("c", "KILL")), Errc::not_found, "container_missing",
               "No such container");
  CommitRequest commit;
  commit.container_id = "c";
  expect_error(await(scripted.io, engine.commit_container(commit)), Errc::not_found, "container_missing", "container");
}

TEST(EngineErrors, KeepTheEnginesMessage) {
  ScriptedEngine scripted({{"POST /v1.41/containers/c/kill", failure(409, "Container c is not running")},
                           {"POST /v1.41/containers/create", failure(400, "Minimum memory limit allowed is 6MB")},
                           {"POST /v1.41/containers/c/start", failure(500, "OCI runtime create failed")},
                           {"GET /v1.41/info", Reply::with(302, "", {{"Location", "/elsewhere"}})}});
  expect_error(await(scripted.io, scripted.engine.kill_container("c", "KILL")), Errc::conflict, "engine_conflict",
               "kill container c: Container c is not running");
  expect_error(await(scripted.io, scripted.engine.create_container("{}")), Errc::unavailable, "engine_error",
               "Minimum memory limit allowed is 6MB (status 400)");
  expect_error(await(scripted.io, scripted.engine.start_container("c")), Errc::unavailable, "engine_error",
               "OCI runtime create failed");
  expect_error(await(scripted.io, scripted.engine.info()), Errc::unavailable, "engine_error", "status 302");
}

TEST(EngineErrors, RefuseAnAnswerThatIsNotWhatTheCallPromises) {
  ScriptedEngine scripted({{"POST /v1.41/containers/create", Reply::json(201, R"({"Warnings":[]})")},
                           {"GET /v1.41/containers/c/json", Reply::json(200, R"(["c"])")},
                           {"GET /v1.41/images/json", Reply::with(200, "<html>")}});
  expect_error(await(scripted.io, scripted.engine.create_container("{}")), Errc::unavailable, "engine_error",
               "create a container");
  expect_error(await(scripted.io, scripted.engine.inspect_container("c")), Errc::unavailable, "engine_error", "State");
  expect_error(await(scripted.io, scripted.engine.list_images({})), Errc::unavailable, "engine_error", "JSON");
}

TEST(EngineErrors, DoNotLetANameLeaveItsPlaceInThePath) {
  ScriptedEngine scripted({});
  const auto result = await(scripted.io, scripted.engine.inspect_container("../../info?x=/\r\nX: y"));
  EXPECT_FALSE(result);
  EXPECT_EQ(scripted.last_target(), "/v1.41/containers/..%2F..%2Finfo%3Fx%3D%2F%0D%0AX%3A%20y/json");
}

// ---- containers ----------------------------------------------------------------------------------------------------

TEST(EngineContainers, StartTwiceIsNoError) {
  ScriptedEngine scripted({{"POST /v1.41/containers/c/start", Reply::raw("HTTP/1.1 304 Not Modified\r\n\r\n")}});
  EXPECT_TRUE(await(scripted.io, scripted.engine.start_container("c")));
}

TEST(EngineContainers, RemoveIsDoneWhenTheContainerIsGoneOrGoing) {
  ScriptedEngine scripted(
      {{"DELETE /v1.41/containers/absent", failure(404, "No such container: absent")},
       {"DELETE /v1.41/containers/going", failure(409, "removal of container going is already in progress")},
       {"DELETE /v1.41/containers/stuck", failure(409, "cannot remove: driver is busy")}});
  EXPECT_TRUE(await(scripted.io, scripted.engine.remove_container("absent")));
  EXPECT_EQ(scripted.last_target(), "/v1.41/containers/absent?force=1&v=1");
  EXPECT_TRUE(await(scripted.io, scripted.engine.remove_container("going")));
  expect_error(await(scripted.io, scripted.engine.remove_container("stuck")), Errc::conflict, "engine_conflict",
               "busy");
}

TEST(EngineContainers, CreateSendsTheBodyAsItIs) {
  ScriptedEngine scripted(
      {{"POST /v1.41/containers/create", Reply::json(201, R"({"Id":"abc","Warnings":["no swap limit"]})")}});
  const auto created = await(scripted.io, scripted.engine.create_container(R"({"Image":"x"})"));
  ASSERT_TRUE(created);
  EXPECT_EQ(created->id, "abc");
  EXPECT_THAT(created->warnings, ElementsAre("no swap limit"));
  EXPECT_EQ(scripted.server.requests().back().body, R"({"Image":"x"})");
  EXPECT_EQ(scripted.server.requests().back().header("Content-Type"), "application/json");
}

TEST(EngineContainers, WaitReturnsOnceItIsAcknowledged) {
  ScriptedEngine scripted(
      {{"POST /v1.41/containers/c/wait", Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                                             .then_wait("exit")
                                             .then_send("15\r\n{\"StatusCode\":  42  }\r\n0\r\n\r\n")}});
  auto wait = await(scripted.io, scripted.engine.wait_next_exit("c"));
  ASSERT_TRUE(wait) << wait.error().message;
  EXPECT_EQ(scripted.last_target(), "/v1.41/containers/c/wait?condition=next-exit");
  scripted.server.open("exit");
  const auto status = await(scripted.io, wait->result(10s));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->code, 42);
}

TEST(EngineContainers, WaitReportsWhyItWasRefusedOrBroken) {
  ScriptedEngine scripted({{"POST /v1.41/containers/c/wait", failure(404, "No such container: c")},
                           {"POST /v1.41/containers/d/wait",
                            Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").then_close()},
                           {"POST /v1.41/containers/e/wait",
                            Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").then_hang()}});
  expect_error(await(scripted.io, scripted.engine.wait_next_exit("c")), Errc::not_found, "container_missing", "c");
  auto broken = await(scripted.io, scripted.engine.wait_next_exit("d"));
  ASSERT_TRUE(broken);
  expect_error(await(scripted.io, broken->result(10s)), Errc::unavailable, "engine_unreachable", "wait");
  auto silent = await(scripted.io, scripted.engine.wait_next_exit("e"));
  ASSERT_TRUE(silent);
  expect_error(await(scripted.io, silent->result(20ms)), Errc::timed_out, "engine_timed_out", "wait");
}

TEST(EngineContainers, AttachGivesTheRawStream) {
  ScriptedEngine scripted({{"POST /v1.41/containers/c/attach",
                            Reply::raw("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                                       "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly")
                                .then_read_to_end()}});
  auto stream = await(scripted.io, scripted.engine.attach_container("c"));
  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_EQ(scripted.last_target(), "/v1.41/containers/c/attach?stream=1&stdin=1&stdout=1&stderr=1");
  std::array<std::uint8_t, 16> buffer;
  const auto size = await(scripted.io, (*stream)->read_some(buffer, 10s));
  ASSERT_TRUE(size);
  EXPECT_EQ(core::as_text(ByteView(buffer).first(*size)), "early");
}

TEST(EngineContainers, AttachReportsARefusal) {
  ScriptedEngine scripted({{"POST /v1.41/containers/c/attach", failure(404, "No such container: c")},
                           {"POST /v1.41/containers/d/attach", failure(409, "command not found")},
                           {"POST /v1.41/containers/e/attach", Reply::json(200, "{}")}});
  expect_error(await(scripted.io, scripted.engine.attach_container("c")), Errc::not_found, "container_missing", "c");
  expect_error(await(scripted.io, scripted.engine.attach_container("d")), Errc::conflict, "engine_conflict",
               "command not found");
  expect_error(await(scripted.io, scripted.engine.attach_container("e")), Errc::unavailable, "engine_error", "attach");
}

TEST(EngineContainers, ListAsksForEveryStateAndLabel) {
  ScriptedEngine scripted({{"GET /v1.41/containers/json",
                            Reply::json(200, R"([{"Id":"a","State":"running","Labels":{"job":"1"},"Created":5}])")}});
  const auto list = await(scripted.io, scripted.engine.list_containers({"instance=x y"}));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ(list->front().state, "running");
  EXPECT_EQ(list->front().labels, (Labels{{"job", "1"}}));
  EXPECT_EQ(scripted.last_target(),
            "/v1.41/containers/json?all=1&filters=%7B%22label%22%3A%5B%22instance%3Dx%20y%22%5D%7D");
}

TEST(EngineContainers, CopyTellsAMissingDirectoryFromAMissingContainer) {
  ScriptedEngine scripted(
      {{"PUT /v1.41/containers/c/archive", failure(404, "Could not find the file /no in container c")},
       {"PUT /v1.41/containers/d/archive", failure(404, "No such container: d")},
       {"PUT /v1.41/containers/e/archive", Reply::with(200)}});
  expect_error(await(scripted.io, scripted.engine.put_archive("c", "/no", "tar")), Errc::unavailable, "engine_error",
               "Could not find");
  expect_error(await(scripted.io, scripted.engine.put_archive("d", "/", "tar")), Errc::not_found, "container_missing",
               "d");
  const std::string tar = tar_of_file("init", std::string(1u << 20, 'i'), 0755);
  ASSERT_TRUE(await(scripted.io, scripted.engine.put_archive("e", "/a b", tar)));
  EXPECT_EQ(scripted.last_target(), "/v1.41/containers/e/archive?path=%2Fa%20b");
  EXPECT_EQ(scripted.server.requests().back().body, tar);
}

TEST(EngineContainers, CommitDoesNotPause) {
  ScriptedEngine scripted({{"POST /v1.41/commit", Reply::json(201, R"({"Id":"sha256:aa"})")}});
  CommitRequest request;
  request.container_id = "c";
  request.repository = "deps/x";
  request.tag = "t";
  request.labels = {{"a", "b"}};
  const auto id = await(scripted.io, scripted.engine.commit_container(request));
  ASSERT_TRUE(id);
  EXPECT_EQ(*id, "sha256:aa");
  EXPECT_EQ(scripted.last_target(), "/v1.41/commit?container=c&repo=deps%2Fx&tag=t&pause=0");
  EXPECT_EQ(scripted.server.requests().back().body, R"({"Labels":{"a":"b"}})");
}

// ---- Podman's service
// ------------------------------------------------------------------------------------------------

Reply podman_version() {
  return Reply::json(200, R"({"Components":[{"Name":"Podman Engine","Version":"4.3.1"}],"MinAPIVersion":"1.24"})");
}

TEST(EngineKind, IsDockersUnlessTheVersionNamesPodman) {
  ScriptedEngine docker({});
  ASSERT_TRUE(await(docker.io, docker.engine.negotiate()));
  EXPECT_EQ(docker.engine.traits().name, "Docker Engine");
  ScriptedEngine podman({{"GET /version", podman_version()}});
  EXPECT_EQ(podman.engine.traits().name, "Docker Engine") << "before anybody asked";
  ASSERT_TRUE(await(podman.io, podman.engine.negotiate()));
  EXPECT_EQ(podman.engine.traits().name, "Podman");
}

TEST(EngineKind, PodmanGetsTheLabelsOfAnImageAsInstructions) {
  ScriptedEngine scripted({{"GET /version", podman_version()},
                           {"POST /v1.41/commit", Reply::json(201, "{\"Id\":\"" + std::string(64, 'a') + "\"}")}});
  CommitRequest request;
  request.container_id = "c";
  request.labels = {{"a", "b"}, {"c", ""}};
  const auto id = await(scripted.io, scripted.engine.commit_container(request));
  ASSERT_TRUE(id);
  EXPECT_EQ(*id, "sha256:" + std::string(64, 'a')) << "as the same image's id is given elsewhere";
  EXPECT_EQ(scripted.last_target(),
            "/v1.41/commit?container=c&repo=&tag=&pause=0&changes=LABEL%20a%3Db&changes=LABEL%20c%3D");
}

TEST(EngineImages, AreAskedForByOneLabelAndChosenByAll) {
  ScriptedEngine scripted({{"GET /v1.41/images/json", Reply::json(200, R"([{"Id":"sha256:1","Labels":{"a":"1","b":"2"}},
      {"Id":"sha256:2","Labels":{"a":"1","b":"3"}},{"Id":"sha256:3","Labels":null}])")}});
  const auto images = await(scripted.io, scripted.engine.list_images({"a=1", "b=2"}));
  ASSERT_TRUE(images);
  ASSERT_EQ(images->size(), 1u);
  EXPECT_EQ(images->front().id, "sha256:1");
  EXPECT_EQ(scripted.last_target(), "/v1.41/images/json?all=1&filters=%7B%22label%22%3A%5B%22a%3D1%22%5D%7D");
}

TEST(EngineImages, AnImportGivesTheIdOrTheReason) {
  const std::string id = "sha256:" + std::string(64, 'c');
  ScriptedEngine scripted({{"POST /v1.41/images/create", Reply::json(200, R"({"status":")" + id + "\"}\r\n")}});
  const auto made = await(scripted.io, scripted.engine.import_image("tar", "here/x", {{"k", "v"}}));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, id);
  EXPECT_EQ(scripted.last_target(), "/v1.41/images/create?fromSrc=-&tag=latest&repo=here%2Fx&changes=LABEL%20k%3Dv");
  ScriptedEngine full(
      {{"POST /v1.41/images/create", Reply::json(200, R"({"errorDetail":{"message":"no space left"}})")}});
  expect_error(await(full.io, full.engine.import_image("tar", "x", {})), Errc::unavailable, "engine_error",
               "no space left");
}

// ---- pull ----------------------------------------------------------------------------------------------------------

struct Pulled {
  Result<void> result;
  std::vector<std::string> lines;
  std::string target;
};

Pulled pull(Reply reply, const std::string& reference = "alpine") {
  ScriptedEngine scripted({{"POST /v1.41/images/create", std::move(reply)}});
  Pulled pulled;
  pulled.result = await(scripted.io, scripted.engine.pull_image(
                                         reference, [&](std::string_view line) { pulled.lines.emplace_back(line); }));
  pulled.target = scripted.last_target();
  return pulled;
}

TEST(EnginePull, ReportsStepsAndSkipsByteCounts) {
  const auto pulled =
      pull(Reply::with(200,
                       "{\"status\":\"Pulling from library/alpine\",\"id\":\"latest\"}\r\n"
                       "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1,\"total\":2},\"id\":\"a\"}\r\n"
                       "{\"status\":\"Status: Downloaded newer image\"}\r\n"));
  ASSERT_TRUE(pulled.result) << pulled.result.error().message;
  EXPECT_THAT(pulled.lines, ElementsAre("latest: Pulling from library/alpine", "Status: Downloaded newer image"));
}

TEST(EnginePull, ReadsMessagesThatArriveInPieces) {
  const auto pulled =
      pull(Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "9\r\n{\"status\"\r\n8\r\n:\"one\"}\n\r\n10\r\n{\"status\":\"two\"}\r\n0\r\n\r\n"));
  ASSERT_TRUE(pulled.result) << pulled.result.error().message;
  EXPECT_THAT(pulled.lines, ElementsAre("one", "two"));
}

TEST(EnginePull, FindsTheFailureInsideASuccessfulAnswer) {
  const auto missing = pull(Reply::with(
      200, R"({"errorDetail":{"message":"manifest for a:1 not found: manifest unknown"},"error":"manifest unknown"})"));
  expect_error(missing.result, Errc::not_found, "image_missing", "pull image alpine:latest: manifest for a:1");
  const auto broken = pull(Reply::with(200, "{\"status\":\"one\"}\n{\"errorDetail\":{\"message\":\"disk full\"}}\n"));
  expect_error(broken.result, Errc::unavailable, "engine_error", "disk full");
  EXPECT_THAT(broken.lines, ElementsAre("one"));
  expect_error(pull(Reply::with(200, "not json\n")).result, Errc::unavailable, "engine_error", "JSON");
  expect_error(pull(Reply::with(200, std::string((1u << 20) + 1, 'x'))).result, Errc::unavailable, "engine_error",
               "too long");
}

TEST(EnginePull, ReportsAnErrorAnswerAndACutStream) {
  expect_error(pull(failure(404, "pull access denied")).result, Errc::not_found, "image_missing", "pull access denied");
  expect_error(pull(failure(500, "dial tcp: no such host")).result, Errc::unavailable, "engine_error", "no such host");
  expect_error(pull(Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").then_close()).result,
               Errc::unavailable, "engine_unreachable", "pull image");
}

TEST(EnginePull, NeverAsksForEveryTag) {
  const auto target = [](const std::string& reference) { return pull(Reply::with(200), reference).target; };
  const std::string path = "/v1.41/images/create?fromImage=";
  EXPECT_EQ(target("alpine"), path + "alpine%3Alatest");
  EXPECT_EQ(target("host:5000/team/image"), path + "host%3A5000%2Fteam%2Fimage%3Alatest");
  EXPECT_EQ(target("node:20"), path + "node%3A20");
  EXPECT_EQ(target("alpine@sha256:ab"), path + "alpine%40sha256%3Aab");
}

TEST(EngineFiles, AreCountedUpToTheLimitOnly) {
  const std::string entries = R"([{"Path":"/a","Kind":1},{"Path":"/b","Kind":1},{"Path":"/c","Kind":1},)";
  // The engine hangs in the middle of its answer: it is not waited for once there are too many.
  const auto endless = Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                           .then_send(fmt::format("{:x}\r\n{}\r\n", entries.size(), entries))
                           .then_hang();
  ScriptedEngine scripted({{"GET /v1.41/containers/c/changes", endless}});
  const auto many = await(scripted.io, scripted.engine.changed_files("c", 2, 10s));
  ASSERT_TRUE(many) << many.error().message;
  EXPECT_GT(*many, 2u);
  expect_error(await(scripted.io, scripted.engine.changed_files("c", 3, 100ms)), Errc::timed_out, "engine_timed_out",
               "count the files of container c");
  expect_error(await(scripted.io, scripted.engine.changed_files("other", 3, 10s)), Errc::not_found, "container_missing",
               "count the files of container other");
}

}  // namespace
}  // namespace skill_verifier::sandbox
