#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attest/quote_samples.hpp"
#include "skill_verifier/attest/quoter.hpp"
#include "support/await.hpp"
#include "support/paths.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::attest {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using skill_verifier::test::await;
using skill_verifier::test::in_order;
using skill_verifier::test::ReceivedRequest;
using skill_verifier::test::Reply;
using skill_verifier::test::ScriptedServer;
using test::filled;
using test::get_quote_answer;
using testing::HasSubstr;

const fs::path kFixtures = skill_verifier::test::shared_fixtures();

/// Quotes whatever it is asked for.
Reply honest(const ReceivedRequest& request) {
  const auto bytes = core::parse_hex(json::parse(request.body)["report_data"].get<std::string>()).value();
  ReportData data{};
  std::copy(bytes.begin(), bytes.end(), data.begin());
  return Reply::json(200, get_quote_answer(data));
}

class DstackQuoterTest : public testing::Test {
 protected:
  void serve(skill_verifier::test::Handler handler) {
    server_.emplace(std::move(handler), ScriptedServer::Transport::unix_socket);
    quoter_.emplace(io_.get_executor(), server_->url(), options_);
  }
  Result<Quote> quote(std::uint8_t byte) { return await(io_, quoter_->quote(filled(byte), {})); }
  /// The error of a quote when the agent answers just this.
  Error refusal(Reply reply) {
    serve(in_order({std::move(reply)}));
    auto result = quote(1);
    return result ? Error{Errc::internal, "accepted", "accepted"} : result.error();
  }
  std::size_t asked() const { return server_->requests().size(); }

  core::asio::io_context io_{1};
  DstackOptions options_{.endpoint = {}, .timeout = 20s, .attempts = 3, .backoff = 1ms, .queue = 2};
  std::optional<ScriptedServer> server_;
  std::optional<DstackQuoter> quoter_;
};

awaitable<void> quote_into(DstackQuoter& quoter, ReportData data, std::vector<Result<Quote>>& results) {
  QuoteFor nobody;
  auto result = co_await quoter.quote(data, std::move(nobody));
  results.push_back(std::move(result));
}

TEST_F(DstackQuoterTest, AsksAsTheAgentExpects) {
  serve(honest);
  const auto result = quote(0xab);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(asked(), 1u);
  const auto request = server_->requests()[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/GetQuote?json");
  EXPECT_EQ(request.header("content-type"), "application/json");
  EXPECT_EQ(json::parse(request.body), json({{"report_data", core::to_hex(filled(0xab))}}));
}

TEST_F(DstackQuoterTest, GivesTheQuoteAsTheAgentGaveIt) {
  auto answer = json::parse(get_quote_answer(filled(1)));
  const auto hex = answer["quote"].get<std::string>();
  serve(in_order({Reply::json(200, answer.dump())}));
  const auto result = quote(1);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->quote_hex, hex);
  EXPECT_EQ(result->event_log, "[]");
  EXPECT_EQ(result->vm_config, R"({"cpu_count":1})");
  EXPECT_EQ(result->tee_type, "simulated");
}

TEST_F(DstackQuoterTest, TakesOlderAgentsForms) {
  auto answer = json::parse(get_quote_answer(filled(1)));
  const auto hex = answer["quote"].get<std::string>();
  answer["quote"] = "0x" + hex;
  answer.erase("vm_config");
  answer.erase("report_data");
  serve(in_order({Reply::json(200, answer.dump())}));
  const auto result = quote(1);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->quote_hex, hex);
  EXPECT_EQ(result->vm_config, "");
}

TEST_F(DstackQuoterTest, CallsAQuoteUnderIntelsRootByItsName) {
  const auto path = kFixtures / "dstack" / "tdx-lite-getquote.json";
  if (!fs::exists(path)) GTEST_SKIP() << "no fixtures beside the source tree";
  std::ifstream file(path);
  const std::string body(std::istreambuf_iterator<char>(file), {});
  const auto quoted = core::parse_hex(json::parse(body)["quote"].get<std::string>()).value();
  ReportData data;
  std::copy_n(quoted.begin() + 568, data.size(), data.begin());
  serve(in_order({Reply::json(200, body)}));
  const auto result = await(io_, quoter_->quote(data, {}));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->tee_type, "") << "not verified yet";
}

TEST_F(DstackQuoterTest, RefusesAQuoteOverOtherBytes) {
  const auto error = refusal(Reply::json(200, get_quote_answer(filled(2))));
  EXPECT_EQ(error.code, Errc::rejected);
  EXPECT_EQ(error.id, "quote_mismatch");
  EXPECT_THAT(error.message, HasSubstr("is " + core::to_hex(filled(2)) + ", asked for " + core::to_hex(filled(1))));
  EXPECT_EQ(asked(), 1u) << "nothing to gain by asking again";
}

TEST_F(DstackQuoterTest, RefusesAQuoteOverZeroBytesEvenIfTheAnswerClaimsOtherwise) {
  auto answer = json::parse(get_quote_answer(filled(0)));
  answer["report_data"] = core::to_hex(filled(1));
  const auto error = refusal(Reply::json(200, answer.dump()));
  EXPECT_EQ(error.id, "quote_mismatch");
  EXPECT_THAT(error.hint, HasSubstr("zero bytes"));
}

TEST_F(DstackQuoterTest, KeepsTheAgentsWordsAndDoesNotAskAgainWhenItRefuses) {
  const auto error = refusal(Reply::json(400, "{\n  \"error\": \"Report data is too long\"\n}"));
  EXPECT_EQ(error.code, Errc::unavailable);
  EXPECT_EQ(error.id, "agent_error");
  EXPECT_EQ(error.message, "guest agent: GetQuote answered 400: Report data is too long");
  EXPECT_EQ(asked(), 1u);
}

TEST_F(DstackQuoterTest, ShortensTheAgentsWords) {
  const auto error = refusal(Reply::json(400, json{{"error", std::string(100000, 'x') + "\n\x1b[31m"}}.dump()));
  EXPECT_LT(error.message.size(), 300u);
  EXPECT_EQ(refusal(Reply::with(404, "<!DOCTYPE html>\n")).message,
            "guest agent: GetQuote answered 404: " + core::shorten("<!DOCTYPE html>\n"));
}

TEST_F(DstackQuoterTest, RefusesAnswersThatAreNotQuotes) {
  const auto with = [](const char* member, json value) {
    auto answer = json::parse(get_quote_answer(filled(1)));
    answer[member] = std::move(value);
    return Reply::json(200, answer.dump());
  };
  const auto without = [](const char* member) {
    auto answer = json::parse(get_quote_answer(filled(1)));
    answer.erase(member);
    return Reply::json(200, answer.dump());
  };
  const std::vector<std::pair<Reply, std::string>> cases = {
      {Reply::json(200, ""), "not well-formed JSON"},
      {Reply::json(200, "[]"), "not an object"},
      {Reply::json(200, "{}"), "no 'quote'"},
      {Reply::json(200, R"({"error":"no quote today"})"), "GetQuote answered: no quote today"},
      {Reply::json(200, R"({"error":7})"), "GetQuote answered: {\"error\":7}"},
      {Reply::json(201, get_quote_answer(filled(1))), "answered 201"},
      {without("quote"), "no 'quote'"},
      {without("event_log"), "no 'event_log'"},
      {with("event_log", json::array()), "'event_log' that is not a string"},
      {with("vm_config", nullptr), "'vm_config' that is not a string"},
      {with("quote", 7), "'quote' that is not a string"},
      {with("quote", ""), "the quote is malformed: the quote ends within its header"},
      {with("quote", "040"), "the quote is "},
      {with("quote", "zz"), "the quote is "},
      {with("quote", core::to_hex(Bytes(5000, 0))), "quote version is 0"},
  };
  for (const auto& [reply, words] : cases) {
    const auto error = refusal(reply);
    EXPECT_EQ(error.code, Errc::unavailable) << words;
    EXPECT_EQ(error.id, "agent_error") << words;
    EXPECT_THAT(error.message, HasSubstr(words));
    EXPECT_EQ(asked(), 1u) << words;
  }
}

TEST_F(DstackQuoterTest, RefusesAnEndlessAnswer) {
  const auto error = refusal(Reply::json(200, std::string((4u << 20) + 1, ' ')));
  EXPECT_EQ(error.id, "agent_error");
  EXPECT_EQ(asked(), 1u);
}

TEST_F(DstackQuoterTest, TriesAgainWhereTheFaultMayPass) {
  serve(in_order({Reply::closed(), Reply::with(503, "busy"), Reply::json(200, get_quote_answer(filled(1)))}));
  const auto result = quote(1);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(asked(), 3u);
}

TEST_F(DstackQuoterTest, GivesUpAfterItsAttempts) {
  serve([](const ReceivedRequest&) { return Reply::with(500, "configfs-tsm: device busy"); });
  const auto result = quote(1);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::unavailable);
  EXPECT_EQ(result.error().id, "quote_unavailable");
  EXPECT_EQ(result.error().message, "guest agent: GetQuote answered 500: configfs-tsm: device busy");
  EXPECT_EQ(asked(), 3u);
}

TEST_F(DstackQuoterTest, EndsWhenTheAgentDoesNotAnswer) {
  options_.timeout = 20ms;
  options_.attempts = 2;
  serve([](const ReceivedRequest&) { return Reply::silent(); });
  const auto result = quote(1);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::timed_out);
  EXPECT_EQ(result.error().id, "quote_timed_out");
  EXPECT_EQ(asked(), 2u);
}

TEST_F(DstackQuoterTest, SaysWhoseQuoteItTriesAgain) {
  options_.attempts = 2;
  serve([](const ReceivedRequest&) { return Reply::json(500, "{}"); });
  testing::internal::CaptureStderr();
  EXPECT_FALSE(await(io_, quoter_->quote(filled(1), {"the-job", "the-request"})));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("quote failed, trying again job=the-job request=the-request"));
}

TEST_F(DstackQuoterTest, SaysWhenNobodyListens) {
  quoter_.emplace(io_.get_executor(), "/nonexistent/dstack.sock", options_);
  const auto result = quote(1);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::unavailable);
  EXPECT_EQ(result.error().id, "quote_unavailable");
  EXPECT_FALSE(result.error().hint.empty());
}

TEST_F(DstackQuoterTest, AsksForOneQuoteAtATimeInTheOrderOfTheCalls) {
  options_.queue = 10;
  serve(honest);
  std::vector<Result<Quote>> results;
  core::TaskGroup group(io_.get_executor());
  for (std::uint8_t byte = 1; byte <= 6; ++byte)
    group.spawn("quote", quote_into(*quoter_, filled(byte), results));
  ASSERT_TRUE(await(io_, group.wait(30s)));
  ASSERT_EQ(asked(), 6u);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto body = json::parse(server_->requests()[i].body);
    EXPECT_EQ(body["report_data"].get<std::string>(), core::to_hex(filled(static_cast<std::uint8_t>(i + 1))));
    EXPECT_TRUE(results[i]) << results[i].error().message;
  }
  EXPECT_EQ(server_->connections(), 1u) << "two in flight need two connections";
}

TEST_F(DstackQuoterTest, RefusesCallersBeyondItsQueue) {
  serve([](const ReceivedRequest& request) {
    const auto answer = get_quote_answer(filled(1));
    return Reply::raw("").then_wait("answer").then_send(
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(answer.size()) + "\r\n\r\n" +
        (request.method == "POST" ? answer : ""));
  });
  std::vector<Result<Quote>> results;
  core::TaskGroup group(io_.get_executor());
  for (int i = 0; i < 3; ++i)
    group.spawn("quote", quote_into(*quoter_, filled(1), results));
  while (io_.poll() > 0) {
  }
  ASSERT_TRUE(server_->wait_for_requests(1));
  const auto refused = quote(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
  EXPECT_EQ(refused.error().id, "quote_queue_full");
  EXPECT_EQ(refused.error().message, "2 callers wait for a quote, the limit is 2");

  server_->open("answer");
  ASSERT_TRUE(await(io_, group.wait(30s)));
  ASSERT_EQ(results.size(), 3u);
  for (const auto& result : results)
    EXPECT_TRUE(result) << result.error().message;
  EXPECT_TRUE(quote(1)) << "the queue has room again";
}

TEST_F(DstackQuoterTest, CancelsTheRunningAndTheWaiting) {
  serve([](const ReceivedRequest&) { return Reply::silent(); });
  std::vector<Result<Quote>> results;
  core::TaskGroup group(io_.get_executor());
  for (int i = 0; i < 2; ++i)
    group.spawn("quote", quote_into(*quoter_, filled(1), results));
  while (io_.poll() > 0) {
  }
  ASSERT_TRUE(server_->wait_for_requests(1));
  group.cancel();
  ASSERT_TRUE(await(io_, group.wait(10s)));
  ASSERT_EQ(results.size(), 2u);
  for (const auto& result : results) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::cancelled);
    EXPECT_EQ(result.error().id, "cancelled");
  }
}

TEST_F(DstackQuoterTest, CancelsBetweenTwoTries) {
  options_.backoff = 1h;
  serve([](const ReceivedRequest&) { return Reply::with(503, "busy"); });
  std::vector<Result<Quote>> results;
  core::TaskGroup group(io_.get_executor());
  group.spawn("quote", quote_into(*quoter_, filled(1), results));
  // Nothing is ready any more when the coroutine sleeps for an hour. Were it not there yet, cancelling would end alike.
  while (io_.run_one_for(100ms) > 0) {
  }
  ASSERT_EQ(asked(), 1u);
  group.cancel();
  ASSERT_TRUE(await(io_, group.wait(10s)));
  ASSERT_EQ(results.size(), 1u);
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().code, Errc::cancelled);
}

TEST_F(DstackQuoterTest, GivesTheAgentsInfo) {
  serve(in_order(
      {Reply::json(200, R"({"app_id":"00"})"), Reply::json(400, R"({"error":"no"})"), Reply::json(200, "[]")}));
  EXPECT_EQ(await(io_, quoter_->info()).value(), R"({"app_id":"00"})");
  EXPECT_EQ(server_->requests()[0].target, "/Info?json");
  EXPECT_EQ(server_->requests()[0].body, "{}");
  EXPECT_EQ(await(io_, quoter_->info()).error().message, "guest agent: Info answered 400: no");
  EXPECT_EQ(await(io_, quoter_->info()).error().id, "agent_error");
}

TEST(DstackQuoter, RefusesAnEndpointThatIsNone) {
  core::asio::io_context io{1};
  EXPECT_THROW(DstackQuoter(io.get_executor(), "ftp://host", {}), std::invalid_argument);
}

class FindDstackEndpoint : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/endpointXXXXXX";
    root_ = ::mkdtemp(pattern);
  }
  void TearDown() override { fs::remove_all(root_); }
  std::string make_socket(const std::string& path) {
    const auto full = root_ / path;
    fs::create_directories(full.parent_path());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    full.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::close(fd);
    return full.string();
  }

  fs::path root_;
};

TEST_F(FindDstackEndpoint, LooksAtTheWellKnownPathsInOrder) {
  EXPECT_EQ(find_dstack_endpoint({}, nullptr, root_), std::nullopt);
  for (const auto* path :
       {"run/dstack/dstack.sock", "var/run/dstack/dstack.sock", "run/dstack.sock", "var/run/dstack.sock"}) {
    const auto expected = make_socket(path);
    EXPECT_EQ(find_dstack_endpoint({}, nullptr, root_), expected);
    EXPECT_EQ(find_dstack_endpoint({}, "", root_), expected);
  }
}

TEST_F(FindDstackEndpoint, PassesOverWhatIsNotASocket) {
  const auto socket = make_socket("run/dstack.sock");
  fs::create_directories(root_ / "var/run");
  std::ofstream(root_ / "var/run/dstack.sock") << "not a socket";
  EXPECT_EQ(find_dstack_endpoint({}, nullptr, root_), socket);
}

TEST_F(FindDstackEndpoint, PrefersWhatWasGivenByName) {
  make_socket("var/run/dstack.sock");
  DstackOptions options;
  EXPECT_EQ(find_dstack_endpoint(options, "http://127.0.0.1:8090", root_), "http://127.0.0.1:8090");
  options.endpoint = "/missing.sock";
  EXPECT_EQ(find_dstack_endpoint(options, "http://127.0.0.1:8090", root_), "/missing.sock");
}

}  // namespace
}  // namespace skill_verifier::attest
