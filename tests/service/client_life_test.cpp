#include "service/idempotency.hpp"
#include "service/journal.hpp"
#include "service/result_cache.hpp"
#include "service/service_fixture.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "test_pki/quote.hpp"

namespace skill_verifier::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ClientLifeTest : public ServiceTest {
 protected:
  Submission keyed(const std::string& path, const std::string& key = "k") {
    Submission made;
    made.skill_path = path;
    made.idempotency_key = key;
    return made;
  }
  store::Job accepted(Submission wanted) {
    auto job = await(service_->submit(std::move(wanted)));
    EXPECT_TRUE(job) << job.error().message;
    return job ? *job : store::Job{};
  }
  std::uint64_t jobs() { return *await(service_->total({})); }

  void use_cache() {
    start_with_cache();
    path_ = make_skill();
  }
  store::Job again(bool fresh = false, std::optional<std::string> nonce = {}) {
    Submission made;
    made.skill_path = path_;
    made.fresh = fresh;
    made.nonce = std::move(nonce);
    return accepted(std::move(made));
  }
  Submission of_somebody(bool fresh, std::optional<std::string> key = {}) const {
    Submission made;
    made.skill_path = path_;
    made.owner = "somebody";
    made.fresh = fresh;
    made.idempotency_key = std::move(key);
    return made;
  }
  bool has_room(const Submission& submission) { return service_->check_room(submission).has_value(); }
  /// Where there is no place. `ran` is the newest verdict, and what the key `k` stands for.
  void expect_only_known(const std::string& ran, const std::string& code) {
    EXPECT_EQ(accepted(of_somebody(false)).original, ran);
    EXPECT_EQ(accepted(of_somebody(true, "k")).id, ran);
    EXPECT_EQ(refused(of_somebody(true)).id, code);
    EXPECT_EQ(service_->check_room(of_somebody(true)).error().id, code);
    EXPECT_TRUE(has_room(of_somebody(false))) << "an earlier verdict may do";
    EXPECT_TRUE(has_room(of_somebody(true, "k"))) << "its job may be there";
    path_ = make_skill("test_command: echo other\n");
    EXPECT_EQ(refused(of_somebody(false)).id, code) << "after a look for an earlier verdict";
    EXPECT_TRUE(spool_is_empty());
  }
  store::Job first() { return wait(again().id); }

  /// Events from `cursor` to the end, as text.
  std::vector<std::string> told(const std::string& id, EventCursor cursor = {}) {
    std::vector<std::string> events;
    while (true) {
      auto part = await(service_->events(id, cursor, std::chrono::seconds(10)));
      EXPECT_TRUE(part) << part.error().message;
      if (!part) return events;
      if (part->anew) events.emplace_back("anew");
      if (part->mark) events.push_back(std::string(store::to_string(part->mark->state)));
      if (!part->text.empty()) events.push_back(part->text);
      cursor = part->next;
      if (part->ended) {
        events.emplace_back(part->is_final ? "end" : "cut");
        return events;
      }
      if (!part->mark && part->text.empty()) {
        events.emplace_back("nothing");
        return events;
      }
    }
  }

  std::string path_;
};

TEST_F(ClientLifeTest, TheSameKeyAndRequestGiveTheSameJob) {
  start();
  const auto path = make_skill();
  const auto one = accepted(keyed(path));
  EXPECT_FALSE(one.replayed);
  const auto two = accepted(keyed(path));
  EXPECT_TRUE(two.replayed);
  EXPECT_EQ(two.id, one.id);
  wait(one.id);
  EXPECT_EQ(accepted(keyed(path)).id, one.id) << "also when it has ended";
  EXPECT_EQ(*await(service_->keyed_job(keyed(path))), one.id);
  EXPECT_FALSE(*await(service_->keyed_job(keyed(path, "unused"))));
  EXPECT_EQ(jobs(), 1u);
  EXPECT_NE(accepted(keyed(path, "other")).id, one.id);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(ClientLifeTest, TheSameKeyAndAnotherRequestAreRefused) {
  start();
  const auto path = make_skill();
  const auto one = accepted(keyed(path));
  auto other = keyed(path);
  other.nonce = "n";
  const auto error = refused(other);
  EXPECT_EQ(error.id, "idempotency_key_reused");
  EXPECT_EQ(error.code, Errc::rejected);
  EXPECT_THAT(error.message, HasSubstr(one.id));
  EXPECT_EQ(jobs(), 1u);
}

TEST_F(ClientLifeTest, ARefusedRequestLeavesItsKeyFree) {
  start();
  EXPECT_EQ(refused(keyed((scratch_ / "skills" / "missing").string())).id, "skill_path_not_found");
  EXPECT_FALSE(accepted(keyed(make_skill())).replayed);
}

TEST_F(ClientLifeTest, AKeyOutlivesARestartAndEndsAfterADay) {
  start();
  const auto path = make_skill();
  const auto one = accepted(keyed(path));
  wait(one.id);
  restart();
  clock_.advance(std::chrono::hours(24) - std::chrono::milliseconds(1));
  EXPECT_EQ(accepted(keyed(path)).id, one.id);
  clock_.advance(std::chrono::milliseconds(1));
  const auto later = accepted(keyed(path));
  EXPECT_NE(later.id, one.id);
  EXPECT_FALSE(later.replayed);
}

TEST_F(ClientLifeTest, ConcurrentRequestsWithOneKeyMakeOneJob) {
  start();
  const auto path = make_skill();
  core::TaskGroup group(io_.get_executor());
  std::set<std::string> ids;
  const auto work = [this, &ids](Submission wanted) -> core::awaitable<void> {
    auto job = co_await service_->submit(std::move(wanted));
    ids.insert(job ? job->id : job.error().id);
  };
  for (int i = 0; i < 8; ++i)
    group.spawn("submit", work(keyed(path)));
  EXPECT_TRUE(await(group.wait(std::chrono::seconds(30))));
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(jobs(), 1u);
}

TEST_F(ClientLifeTest, MalformedKeysAreRefused) {
  start();
  const auto path = make_skill();
  for (const std::string& key : {std::string(), std::string(256, 'k'), std::string("a\x7f"), std::string("\xc3\xa4"),
                                 std::string("a\0b", 3), std::string("a\tb")})
    EXPECT_EQ(refused(keyed(path, key)).id, "idempotency_key_invalid") << key;
  EXPECT_FALSE(accepted(keyed(path, std::string(255, '~'))).replayed);
}

TEST_F(ClientLifeTest, TheDigestOfARequestIsOverEverythingThatIsAskedFor) {
  Submission base;
  base.archive = spool_file("archive bytes");
  base.archive_name = "a.tar";
  const auto digest = [](const Submission& submission) { return *request_digest(submission); };
  Submission same = base;
  same.archive = spool_file("archive bytes");
  same.request_id = "another request";
  EXPECT_EQ(digest(base), digest(same));
  std::set<std::string> digests{digest(base)};
  const auto differs = [&](const std::function<void(Submission&)>& change) {
    Submission other = base;
    change(other);
    return digests.insert(digest(other)).second;
  };
  EXPECT_TRUE(differs([&](Submission& s) { s.archive = spool_file("other bytes"); }));
  EXPECT_FALSE(differs([](Submission& s) {
    s.archive.reset();
    s.archive_bytes = "archive bytes";
  })) << "where the bytes lie is nothing of the client's";
  EXPECT_TRUE(differs([](Submission& s) { s.archive_name = "b.tar"; }));
  EXPECT_TRUE(differs([](Submission& s) { s.nonce = "x"; }));
  EXPECT_TRUE(differs([](Submission& s) { s.name = "x"; }));
  EXPECT_TRUE(differs([](Submission& s) { s.version = "x"; }));
  EXPECT_TRUE(differs([](Submission& s) { s.discover = true; }));
  EXPECT_TRUE(differs([](Submission& s) { s.fresh = true; }));
  EXPECT_TRUE(differs([](Submission& s) { s.is_private = true; }));
  EXPECT_TRUE(differs([](Submission& s) { s.webhook = "https://example.com/"; }));
  EXPECT_TRUE(differs([](Submission& s) { s.webhook_secret = "x"; }));
  EXPECT_TRUE(differs([](Submission& s) { s.batch = 2; }));
  EXPECT_FALSE(differs([](Submission& s) { s.id = "x"; }));
  Submission gone = base;
  gone.archive = store_->spool() / "gone";
  EXPECT_EQ(request_digest(gone).error().id, "archive_unreadable");
}

TEST_F(ClientLifeTest, AnEarlierVerdictIsGivenAgain) {
  use_cache();
  const auto one = first();
  const auto two = again();
  EXPECT_NE(two.id, one.id);
  EXPECT_EQ(two.state, JobState::completed);
  EXPECT_EQ(two.original, one.id);
  EXPECT_EQ(two.result, "") << "who submits is told the id";
  const auto found = find(two.id);
  EXPECT_EQ(found.statement, one.statement);
  EXPECT_EQ(found.original, one.id);
  EXPECT_EQ(found.result, one.result);
  EXPECT_EQ(sandbox_.run_requests.size(), 1u);
  EXPECT_THAT(log_of(two.id), HasSubstr(one.id));
  EXPECT_EQ(again().original, one.id) << "of the one that ran, not of another copy";
  EXPECT_TRUE(spool_is_empty());
  EXPECT_FALSE(fs::exists(store_->pack_path(two.id)));
}

TEST_F(ClientLifeTest, WhatNeedsNoRunNeedsNoPlaceInAFullQueue) {
  use_cache();
  const auto ran = wait(accepted(of_somebody(true, "k")).id);
  ServiceOptions full = options_;
  full.queue = 0;
  service_->reconfigure(full);
  expect_only_known(ran.id, "queue_full");
}

TEST_F(ClientLifeTest, WhatNeedsNoRunNeedsNoPlaceInAClientsShare) {
  options_.workers = options_.queue_per_client = 1;
  use_cache();
  const auto ran = wait(accepted(of_somebody(true, "k")).id);
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  accepted(of_somebody(true));
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  accepted(of_somebody(true));
  expect_only_known(ran.id, "client_queue_full");
  sandbox_.release();
}

TEST_F(ClientLifeTest, FreshAndANonceAskForANewRun) {
  use_cache();
  first();
  EXPECT_EQ(wait(again(true).id).original, "");
  EXPECT_EQ(wait(again(false, "n").id).original, "");
  EXPECT_EQ(sandbox_.run_requests.size(), 3u);
}

TEST_F(ClientLifeTest, WithoutACacheEverythingRuns) {
  start();
  path_ = make_skill();
  first();
  EXPECT_EQ(wait(again().id).original, "");
}

TEST_F(ClientLifeTest, AVerdictIsNotGivenAgainForEver) {
  options_.cache_max_age = std::chrono::hours(2);
  use_cache();
  const auto one = first();
  clock_.advance(std::chrono::hours(2));
  EXPECT_EQ(again().original, one.id);
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(wait(again().id).original, "") << "copies do not prolong it";
}

TEST_F(ClientLifeTest, AFailedVerdictEndsSooner) {
  options_.cache_failed_max_age = std::chrono::minutes(10);
  use_cache();
  sandbox_.runs.push_back(FakeSandbox::step(FakeSandbox::exited(1)));
  const auto one = first();
  clock_.advance(std::chrono::minutes(10));
  EXPECT_EQ(again().original, one.id);
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(wait(again().id).original, "");
}

TEST_F(ClientLifeTest, WhatABusyMachineMayHaveCausedIsNotGivenAgain) {
  use_cache();
  auto late = FakeSandbox::exited(0);
  late.exit_code.reset();
  for (const auto outcome : {sandbox::Outcome::timeout, sandbox::Outcome::oom, sandbox::Outcome::killed}) {
    late.outcome = outcome;
    sandbox_.runs.push_back(FakeSandbox::step(late));
    first();
  }
  auto killed = FakeSandbox::exited(1);
  killed.memory_killed = true;
  sandbox_.runs.push_back(FakeSandbox::step(killed));
  first();
  EXPECT_EQ(wait(again().id).original, "");
  EXPECT_EQ(sandbox_.run_requests.size(), 5u);
}

TEST_F(ClientLifeTest, AFaultOfOursIsNotGivenAgain) {
  use_cache();
  sandbox_.runs.push_back(FakeSandbox::step(Error{Errc::internal, "broken", "a fault"}));
  EXPECT_EQ(wait(again().id).state, JobState::failed);
  EXPECT_EQ(wait(again().id).state, JobState::completed);
}

TEST_F(ClientLifeTest, AnotherImageOrAnotherLimitIsAnotherVerdict) {
  use_cache();
  first();
  auto moved = *sandbox_.known.at("alpine:latest");
  moved.id = "sha256:" + std::string(64, '1');
  sandbox_.known.insert_or_assign("alpine:latest", moved);
  EXPECT_EQ(wait(again().id).original, "");
  EXPECT_NE(again().original, "") << "the moved one is known now";
  options_.limits.pids += 1;
  restart();
  EXPECT_EQ(wait(again().id).original, "");
  options_.verifier_sha256 = std::string(64, '7');
  restart();
  EXPECT_EQ(wait(again().id).original, "");
}

TEST_F(ClientLifeTest, AnotherNameIsAnotherVerdict) {
  use_cache();
  first();
  Submission named;
  named.skill_path = path_;
  named.name = "other";
  EXPECT_EQ(wait(accepted(named).id).original, "");
}

TEST_F(ClientLifeTest, AStoredResultThatDoesNotHoldIsRunAnew) {
  use_cache();
  first();
  const std::vector<std::function<void(store::Job&)>> changes = {
      [](store::Job& job) { job.statement += " "; },
      [](store::Job& job) { job.statement = "{}"; },
      [](store::Job& job) { job.result = "{}"; },
      [](store::Job& job) { job.result = "no JSON"; },
      [](store::Job& job) {
        auto result = parse(job.result);
        result["attestation"]["quote"] = "0x0400";
        job.result = result.dump();
      },
  };
  for (const auto& change : changes) {
    store_->tamper = change;
    EXPECT_EQ(wait(again().id).original, "");
  }
  store_->tamper = nullptr;
  EXPECT_NE(again().original, "");
}

TEST_F(ClientLifeTest, AResultWithoutAQuoteIsNotGivenAgainWhereThereIsAQuoter) {
  use_cache();
  first();
  quoter_used_ = &quoter_;
  restart();
  EXPECT_EQ(wait(again().id).original, "");
}

TEST_F(ClientLifeTest, AQuoteGoesAlongOnlyWhenItSpeaksForTheStatement) {
  quoter_used_ = &quoter_;
  use_cache();
  const auto chain = test_pki::make_pck_chain(test_pki::PckChainSpec{});
  const auto answer_with = [&](const attest::ReportData& data) {
    test_pki::QuoteSpec spec;
    spec.td.report_data = data;
    attest::Quote quote = test::FakeQuoter::good();
    quote.quote_hex = core::to_hex(test_pki::build_quote(spec, test_pki::SigningKey::generate(), chain));
    quoter_.answers.emplace_back(std::move(quote));
  };
  first();
  // The same skill gives the same statement, and so asks for the same report data.
  const auto wanted = quoter_.asked.back();
  auto other = wanted;
  other[0] ^= 1;
  answer_with(other);
  EXPECT_EQ(wait(again().id).original, "") << "the first quote is not one";
  answer_with(wanted);
  EXPECT_EQ(wait(again().id).original, "") << "the second one is for something else";
  ASSERT_EQ(quoter_.asked.back(), wanted);
  const auto copy = again();
  EXPECT_NE(copy.original, "");
  EXPECT_EQ(quoter_.asked.size(), 3u);
  EXPECT_TRUE(parse(find(copy.id).result)["attestation"]["quote"].is_string());
}

TEST_F(ClientLifeTest, APrivateVerdictIsRepeatedForItsOwnerAlone) {
  use_cache();
  Submission hidden;
  hidden.skill_path = path_;
  hidden.owner = "alice";
  hidden.is_private = true;
  const auto one = wait(accepted(hidden).id);
  EXPECT_EQ(accepted(hidden).original, one.id);
  EXPECT_EQ(wait(again().id).original, "");
  EXPECT_EQ(sandbox_.run_requests.size(), 2u);
}

TEST_F(ClientLifeTest, WhatWasPrivateDoesNotBecomePublicByBeingRepeated) {
  use_cache();
  Submission hidden;
  hidden.skill_path = path_;
  hidden.owner = "alice";
  hidden.is_private = true;
  wait(accepted(hidden).id);
  Submission open = hidden;
  open.is_private = false;
  EXPECT_EQ(wait(accepted(open).id).original, "");
  EXPECT_EQ(sandbox_.run_requests.size(), 2u);
}

TEST_F(ClientLifeTest, AnAnswerToANonceIsForItsClientAlone) {
  use_cache();
  wait(again(false, "n").id);
  EXPECT_EQ(wait(again().id).original, "");
}

TEST_F(ClientLifeTest, ALargeResultIsNotCopied) {
  use_cache();
  sandbox_.runs.push_back(FakeSandbox::step(FakeSandbox::exited(0, std::string(200'000, 'x'))));
  first();
  EXPECT_EQ(wait(again().id).original, "");
}

TEST(Repeatable, NotWhatMayHaveComeFromANetwork) {
  Evidence evidence;
  evidence.run = FakeSandbox::exited(0);
  Plan plan;
  plan.test.emplace();
  EXPECT_TRUE(is_repeatable(plan, evidence, false, false));
  plan.deps.emplace();
  EXPECT_TRUE(is_repeatable(plan, evidence, false, false));
  plan.deps_bridge = true;
  EXPECT_FALSE(is_repeatable(plan, evidence, false, false));
  plan.deps.reset();
  plan.test_bridge = true;
  EXPECT_FALSE(is_repeatable(plan, evidence, false, false));
}

TEST_F(ClientLifeTest, KeysOfDifferentOwnersAreApart) {
  start();
  const auto path = make_skill();
  auto alice = keyed(path);
  alice.owner = "alice";
  const auto one = accepted(alice);
  EXPECT_NE(accepted(keyed(path)).id, one.id);
  EXPECT_EQ(accepted(alice).id, one.id);
}

TEST_F(ClientLifeTest, AKeyCanStandForARepeatedVerdict) {
  use_cache();
  first();
  const auto one = accepted(keyed(path_));
  EXPECT_NE(one.original, "");
  const auto two = accepted(keyed(path_));
  EXPECT_EQ(two.id, one.id);
  EXPECT_TRUE(two.replayed);
  EXPECT_EQ(two.original, one.original);
}

TEST_F(ClientLifeTest, EventsTellStatesAndLogInOrder) {
  start();
  auto step = FakeSandbox::step(FakeSandbox::exited(0));
  step.output = {{sandbox::StreamId::out, "hello\nworld"}};
  sandbox_.runs.push_back(step);
  const auto job = submit();
  const auto live = told(job.id);
  ASSERT_GE(live.size(), 5u);
  EXPECT_EQ(live[0], "pending");
  EXPECT_EQ(live[1], "running");
  EXPECT_EQ(live[live.size() - 2], "completed");
  EXPECT_EQ(live.back(), "end");
  std::string text;
  for (const auto& event : told(job.id))
    if (event.ends_with('\n')) text += event;
  EXPECT_EQ(text, log_of(job.id));
  EXPECT_THAT(text, HasSubstr("hello\nworld"));
}

TEST_F(ClientLifeTest, EventsResumeAnywhereWithoutLossOrRepetition) {
  start();
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0, "said")));
  const auto job = submit();
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  // A listener that reads one event at a time while the job runs, ends, and is only in the store.
  std::vector<std::pair<EventCursor, std::string>> seen;
  EventCursor cursor;
  const auto step = [&] {
    auto part = *await(service_->events(job.id, cursor, core::Duration::zero()));
    if (part.ended || (!part.mark && part.text.empty())) return false;
    seen.emplace_back(cursor, part.mark ? std::string(store::to_string(part.mark->state)) : part.text);
    cursor = part.next;
    return true;
  };
  EXPECT_TRUE(step());
  EXPECT_TRUE(step());
  EXPECT_TRUE(step());
  sandbox_.release();
  wait(job.id);
  while (step())
    continue;
  std::string joined;
  for (const auto& [at, event] : seen)
    joined += event;
  EXPECT_EQ(seen.front().second, "pending");
  EXPECT_EQ(seen.back().second, "completed");
  // From each of the places: exactly what stood behind it.
  std::string before;
  for (const auto& [at, event] : seen) {
    std::string rest;
    for (const auto& later : told(job.id, at))
      if (later != "end") rest += later;
    EXPECT_EQ(before + rest, joined);
    before += event;
  }
}

TEST_F(ClientLifeTest, EventsBeginAnewAfterARestart) {
  start();
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  const auto job = submit();
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  const auto part = *await(service_->events(job.id, {}, core::Duration::zero()));
  restart();
  wait(job.id);
  const auto events = told(job.id, part.next);
  ASSERT_GE(events.size(), 3u);
  EXPECT_EQ(events[0], "anew");
  EXPECT_EQ(events[1], "pending");
  EXPECT_EQ(events.back(), "end");
}

TEST_F(ClientLifeTest, EventsOfARepeatedVerdict) {
  use_cache();
  first();
  const auto two = again();
  EXPECT_THAT(told(two.id), ElementsAre(HasSubstr("== cached"), "completed", "end"));
}

TEST_F(ClientLifeTest, EventsOfNoJob) {
  start();
  EXPECT_EQ(await(service_->events(std::string(32, '0'), {}, core::Duration::zero())).error().id, "job_not_found");
}

TEST_F(ClientLifeTest, VerdictsAreFoundByDigest) {
  start();
  const auto job = wait(submit().id);
  const auto result = result_of(job);
  const std::string tree = result["subject"]["treeDigest"];
  const auto rows = *await(service_->verdicts({job.id, tree, std::string(64, '0')}, {}));
  ASSERT_TRUE(rows[0] && rows[1]);
  EXPECT_EQ(rows[1]->id, job.id);
  EXPECT_EQ(rows[1]->verdict, "passed");
  EXPECT_EQ(rows[1]->result_hash, result["attestation"]["resultHash"].get<std::string>());
  EXPECT_FALSE(rows[2]);
}

TEST(NextPart, CutsAtLinesAndCharacters) {
  const Journal journal("0a");
  EventCursor at;
  at.life = "0a";
  const auto text = [&](std::string_view available, bool complete) {
    const auto part = next_part(journal, available, complete, at);
    return part ? part->text : "-";
  };
  EXPECT_EQ(text("one\ntwo", false), "one\n");
  EXPECT_EQ(text("two", false), "two");
  EXPECT_EQ(text("\xc3", false), "-") << "the rest of the character may come yet";
  EXPECT_EQ(text("a\xe2\x82", false), "a");
  EXPECT_EQ(text("a\xe2\x82", true), "a\xe2\x82");
  EXPECT_EQ(text("\xff", false), "-");
  EXPECT_EQ(text("\x80\x80\x80\x80", false), "\x80\x80\x80\x80") << "no character has so many";
  EXPECT_EQ(text(std::string(2 * kEventText, 'x'), false).size(), kEventText);
  const std::string cut = std::string(kEventText - 1, 'x') + "\xc3\xa4";
  EXPECT_EQ(text(cut, true).size(), kEventText - 1);
  EXPECT_EQ(text("", false), "-");
}

TEST(Journal, OutlivesItsText) {
  Journal journal;
  journal.add(JobState::pending, 0, core::Time(std::chrono::milliseconds(5)), 0);
  journal.add(JobState::running, 1, core::Time(std::chrono::milliseconds(7)), 9);
  store::LogPiece piece;
  piece.journal = journal.to_json();
  const Journal read = Journal::of({}, piece);
  EXPECT_EQ(read.life(), journal.life());
  ASSERT_EQ(read.marks().size(), 2u);
  EXPECT_EQ(read.marks()[1].state, JobState::running);
  EXPECT_EQ(read.marks()[1].offset, 9u);
  for (const char* broken : {"", "x", "[]", "{}", R"({"life":1})", R"({"life":"a","marks":[1]})",
                             R"({"life":"a","marks":[["running",1,1,-1]]})"}) {
    piece.journal = broken;
    store::VerdictRow row;
    row.state = JobState::completed;
    EXPECT_EQ(Journal::of(row, piece).marks().size(), 2u) << broken;
  }
}

}  // namespace
}  // namespace skill_verifier::service
