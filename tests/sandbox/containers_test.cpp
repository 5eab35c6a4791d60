#include "sandbox/containers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "support/await.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::sandbox {
namespace {

using nlohmann::json;
using test::Reply;
using test::ScriptedServer;
using namespace std::chrono_literals;

/// An engine that keeps what it was asked to create, whatever it answers.
class ForgetfulEngine {
 public:
  /// What create answers from now on; the container exists afterwards in any case.
  void answer_to_create(Reply reply) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(reply);
  }
  /// How many removals fail from now on.
  void refuse_removals(int count) {
    const std::lock_guard lock(mutex_);
    refused_removals_ = count;
  }

  Reply operator()(const test::ReceivedRequest& request) {
    const std::lock_guard lock(mutex_);
    const auto path = request.target.substr(0, request.target.find('?'));
    if (path == "/_ping") return Reply::with(200, "OK", {{"Api-Version", "1.41"}});
    if (path == "/version") return Reply::json(200, R"({"MinAPIVersion":"1.12"})");
    if (path.ends_with("/containers/create")) return create(request.body);
    if (path.ends_with("/containers/json")) return Reply::json(200, listed().dump());
    const auto id = path.substr(std::string("/v1.41/containers/").size(), 2);
    if (request.method == "DELETE") return remove(id);
    if (containers_.contains(id)) return Reply::json(200, json{{"Id", id}, {"State", json::object()}}.dump());
    return Reply::json(404, R"({"message":"No such container"})");
  }

  /// A container of the same job that somebody else waits for.
  void add(const std::string& id, const std::string& create_id) {
    const std::lock_guard lock(mutex_);
    containers_[id] = {{"skill-verifier.create", create_id}, {"skill-verifier.job", "job"}};
  }
  std::set<std::string> containers() const {
    const std::lock_guard lock(mutex_);
    std::set<std::string> ids;
    for (const auto& [id, labels] : containers_)
      ids.insert(id);
    return ids;
  }

 private:
  Reply create(const std::string& body) {
    const auto id = "c" + std::to_string(++created_);
    containers_[id] = json::parse(body).at("Labels");
    return answer_ ? *answer_ : Reply::json(201, json{{"Id", id}}.dump());
  }
  json listed() const {
    json list = json::array();
    for (const auto& [id, labels] : containers_)
      list.push_back({{"Id", id}, {"State", "created"}, {"Labels", labels}});
    return list;
  }
  Reply remove(const std::string& id) {
    if (refused_removals_ > 0) {
      --refused_removals_;
      return Reply::json(500, R"({"message":"device busy"})");
    }
    containers_.erase(id);
    return Reply::with(204);
  }

  mutable std::mutex mutex_;
  std::map<std::string, json> containers_;
  std::optional<Reply> answer_;
  int created_ = 0;
  int refused_removals_ = 0;
};

class ContainersTest : public testing::Test {
 protected:
  ContainersTest() {
    EngineOptions options;
    options.call = 5s;
    engine_ = std::make_unique<Engine>(io_.get_executor(), *net::parse_endpoint(server_.url()), options);
    containers_ = std::make_unique<Containers>(io_.get_executor(), *engine_, "here", 300ms);
  }

  Result<std::string> create() {
    ContainerSpec spec;
    spec.job_id = "job";
    spec.request_id = "req";
    return test::await(io_, containers_->create(std::move(spec)));
  }
  void settle() { EXPECT_TRUE(test::await(io_, containers_->settle(20s))); }

  ForgetfulEngine forgetful_;
  ScriptedServer server_{[this](const test::ReceivedRequest& request) { return forgetful_(request); },
                         ScriptedServer::Transport::unix_socket};
  core::asio::io_context io_{1};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Containers> containers_;
};

TEST_F(ContainersTest, RemovesWhatWasCreatedWithoutAnAnswer) {
  const std::pair<const char*, Reply> answers[] = {
      {"engine_unreachable", Reply::closed()},
      {"engine_error", Reply::json(500, R"({"message":"timeout waiting for the shim"})")},
      {"engine_error", Reply::json(201, "{")},
      {"engine_error", Reply::json(201, R"({"Warnings":[]})")},
  };
  for (const auto& [id, answer] : answers) {
    forgetful_.answer_to_create(answer);
    const auto created = create();
    ASSERT_FALSE(created.has_value());
    EXPECT_EQ(created.error().id, id);
    EXPECT_EQ(forgetful_.containers().size(), 1u);
    settle();
    EXPECT_EQ(forgetful_.containers(), std::set<std::string>{}) << created.error().message;
  }
}

TEST_F(ContainersTest, LeavesOtherContainersOfTheSameJobAlone) {
  forgetful_.add("xx", "of another request");
  forgetful_.answer_to_create(Reply::closed());
  ASSERT_FALSE(create().has_value());
  settle();
  EXPECT_EQ(forgetful_.containers(), std::set<std::string>{"xx"});
}

TEST_F(ContainersTest, DoesNotLookForWhatTheEngineRefused) {
  forgetful_.answer_to_create(Reply::json(404, R"({"message":"No such image"})"));
  const auto created = create();
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().id, "image_missing");
  EXPECT_EQ(containers_->pending(), 0u);
}

TEST_F(ContainersTest, TriesOnWithAContainerThatWouldNotGoInTime) {
  const auto created = create();
  ASSERT_TRUE(created.has_value());
  testing::internal::CaptureStderr();
  forgetful_.refuse_removals(6);  // more than fit into the limit of 300 ms
  EXPECT_FALSE(test::await(io_, containers_->remove(*created)));
  settle();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("container cannot be removed job=job request=req"));
  EXPECT_EQ(forgetful_.containers(), std::set<std::string>{});
}

TEST_F(ContainersTest, ClosesAlthoughAContainerWillNotGo) {
  const auto created = create();
  ASSERT_TRUE(created.has_value());
  forgetful_.refuse_removals(1'000'000);
  EXPECT_FALSE(test::await(io_, containers_->remove(*created)));
  test::await(io_, containers_->close());
  EXPECT_EQ(containers_->pending(), 0u);
}

}  // namespace
}  // namespace skill_verifier::sandbox
