#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <future>

#include "service/service_fixture.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::service {
namespace {

using testing::HasSubstr;
using testing::Not;

class SubmitTest : public ServiceTest {
 protected:
  void SetUp() override { start(); }
};

/// A tar of one file, as `tar` writes it.
std::string tar_of(const std::string& name, const std::string& content) {
  std::string header(512, '\0');
  name.copy(header.data(), 100);
  const auto octal = [&header](std::size_t at, std::size_t width, std::uint64_t value) {
    std::string digits(width - 1, '0');
    for (std::size_t i = width - 1; i-- > 0; value /= 8)
      digits[i] = static_cast<char>('0' + value % 8);
    digits.copy(header.data() + at, width - 1);
  };
  octal(100, 8, 0644);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, content.size());
  octal(136, 12, 0);
  header[156] = '0';
  std::string("ustar\00000", 8).copy(header.data() + 257, 8);
  header.replace(148, 8, 8, ' ');
  std::uint64_t sum = 0;
  for (const char c : header)
    sum += static_cast<unsigned char>(c);
  octal(148, 7, sum);
  header[154] = '\0';
  std::string archive = header + content;
  archive.resize((archive.size() + 511) / 512 * 512 + 1024);
  return archive;
}

const std::string kManifest = "---\nname: packed\nversion: 2.0.0\ndescription: d\ntest_command: echo hi\n---\n";

TEST_F(SubmitTest, StoresTheJobAsPending) {
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  const auto job = submit();
  EXPECT_EQ(job.state, JobState::pending);
  EXPECT_EQ(job.skill_id, "demo@1.0.0");
  EXPECT_EQ(job.created_at, clock_.now());
  EXPECT_TRUE(core::is_job_id(job.id));
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(SubmitTest, TakesAnArchiveOverAndRemovesIt) {
  Submission wanted;
  wanted.archive = spool_file(tar_of("SKILL.md", kManifest));
  wanted.archive_name = "packed.tar";
  const auto job = await(service_->submit(wanted));
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_TRUE(spool_is_empty());
  const auto result = result_of(wait(job->id));
  EXPECT_EQ(result["skillId"], "packed@2.0.0");
  EXPECT_EQ(result["subject"]["archiveSha256"], core::sha256_hex(tar_of("SKILL.md", kManifest)));
}

TEST_F(SubmitTest, RemovesARefusedArchiveAndItsPack) {
  Submission wanted;
  wanted.archive = spool_file("this is no archive");
  EXPECT_THAT(refused(wanted).id, HasSubstr("archive_"));
  EXPECT_TRUE(spool_is_empty());
  wanted.archive = spool_file(tar_of("README.md", "no manifest here"));
  EXPECT_EQ(refused(wanted).code, Errc::rejected);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(SubmitTest, TakesAnArchiveByPathAndLeavesItThere) {
  const auto file = scratch_ / "skills" / "packed.tar";
  std::ofstream(file, std::ios::binary) << tar_of("SKILL.md", kManifest);
  Submission wanted;
  wanted.skill_path = file.string();
  const auto job = await(service_->submit(wanted));
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_TRUE(fs::exists(file));
  EXPECT_TRUE(spool_is_empty());
  EXPECT_EQ(result_of(wait(job->id))["subject"]["archiveSha256"], core::sha256_hex(tar_of("SKILL.md", kManifest)));
}

TEST_F(SubmitTest, ADirectoryHasNoArchiveDigest) {
  EXPECT_EQ(run()["subject"]["archiveSha256"], nullptr);
}

TEST_F(SubmitTest, WantsExactlyOneSource) {
  Submission none;
  EXPECT_EQ(refused(none).id, "submission_invalid");
  auto both = submission();
  both.archive = spool_file("bytes");
  EXPECT_EQ(refused(both).id, "submission_invalid");
  EXPECT_TRUE(spool_is_empty()) << "the upload is taken over all the same";
}

TEST_F(SubmitTest, RefusesBadNonces) {
  for (const std::string& nonce : {std::string(), std::string(129, 'n'), std::string("tab\t"), std::string("new\n"),
                                   std::string("nul\0", 4), std::string("caf\xC3\xA9"), std::string("del\x7f")}) {
    auto wanted = submission();
    wanted.nonce = nonce;
    const auto error = refused(wanted);
    EXPECT_EQ(error.id, "nonce_invalid");
    EXPECT_EQ(error.code, Errc::invalid_argument);
  }
}

TEST_F(SubmitTest, PutsTheNonceIntoTheStatement) {
  auto wanted = submission();
  wanted.nonce = std::string(127, 'n') + " ";
  const auto job = await(service_->submit(wanted));
  ASSERT_TRUE(job);
  const auto statement = parse(wait(job->id).statement);
  EXPECT_THAT(statement.dump(), HasSubstr(*wanted.nonce));
}

TEST_F(SubmitTest, RefusesBadNamesAndVersions) {
  for (const std::string& name : {std::string(), std::string(129, 'n'), std::string("a b"), std::string("a@1"),
                                  std::string("a/b"), std::string("a\nb"), std::string("\xff")}) {
    auto wanted = submission();
    wanted.name = name;
    EXPECT_EQ(refused(wanted).id, "name_invalid") << name;
  }
  for (const std::string& version : {std::string(), std::string(65, '1'), std::string("1 0"), std::string("1@0"),
                                     std::string("1.0\n"), std::string("\xC3\xA9")}) {
    auto wanted = submission();
    wanted.version = version;
    EXPECT_EQ(refused(wanted).id, "version_invalid") << version;
  }
}

TEST_F(SubmitTest, TheCallersNameAndVersionWin) {
  auto wanted = submission();
  wanted.name = "other";
  wanted.version = "9.9.9";
  const auto job = await(service_->submit(wanted));
  ASSERT_TRUE(job) << job.error().message;
  EXPECT_EQ(job->skill_id, "other@9.9.9");
}

TEST_F(SubmitTest, RefusesAFolderWithoutAManifest) {
  Submission wanted;
  wanted.skill_path = (scratch_ / "skills").string();
  EXPECT_EQ(refused(wanted).code, Errc::rejected);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(SubmitTest, RefusesWhatIsNeitherFolderNorFile) {
  const auto fifo = scratch_ / "skills" / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Submission wanted;
  wanted.skill_path = fifo.string();
  EXPECT_EQ(refused(wanted).id, "skill_path_not_package");
}

TEST_F(SubmitTest, PathErrorsKeepTheirIdsAndTellNoHostPath) {
  Submission wanted;
  wanted.skill_path = "/etc";
  EXPECT_EQ(refused(wanted).id, "skill_path_outside_roots");
  wanted.skill_path = "absent";
  const auto absent = refused(wanted);
  EXPECT_EQ(absent.id, "skill_path_not_found");
  EXPECT_THAT(absent.message, Not(HasSubstr(scratch_.string())));
}

TEST_F(SubmitTest, RefusesDepsWherePolicyForbidsThem) {
  options_.allow_deps = false;
  restart();
  EXPECT_EQ(refused(submission(kTested + "test_deps: npm install\n")).id, "deps_not_allowed");
  EXPECT_TRUE(spool_is_empty());
  EXPECT_EQ(await(service_->total(std::nullopt)).value(), 0u);
}

TEST_F(SubmitTest, RefusesWhenTheQueueIsFull) {
  options_.workers = 1;
  options_.queue = 2;
  restart();
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  const auto running = submit();
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  const auto first = submit(), second = submit();
  const auto full = refused(submission());
  EXPECT_EQ(full.id, "queue_full");
  EXPECT_EQ(full.code, Errc::overloaded);
  EXPECT_TRUE(spool_is_empty());
  const auto early = service_->check_room(Submission{});
  ASSERT_FALSE(early) << "without a cache nothing else could help";
  EXPECT_EQ(early.error().id, full.id);
  EXPECT_EQ(early.error().message, full.message);
  sandbox_.release();
  wait(second.id);
  EXPECT_TRUE(service_->check_room(Submission{}));
  submit();
}

TEST_F(SubmitTest, OverlappingSubmissionsDoNotOverfillTheQueue) {
  options_.workers = 1;
  options_.queue = 3;
  restart();
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  submit();
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  int accepted = 0, full = 0;
  auto one = [](Service& service, Submission wanted, int& yes, int& no) -> core::awaitable<void> {
    auto job = co_await service.submit(std::move(wanted));
    ++(job ? yes : no);
  };
  core::TaskGroup group(io_.get_executor());
  for (int i = 0; i < 10; ++i)
    group.spawn("submit", one(*service_, submission(), accepted, full));
  ASSERT_TRUE(await(group.wait(std::chrono::seconds(30))));
  EXPECT_EQ(accepted, 3);
  EXPECT_EQ(full, 7);
  sandbox_.release();
}

TEST_F(SubmitTest, AStoreThatFailsRefusesAndLeavesNothing) {
  store_->insert_failures = 1;
  EXPECT_EQ(refused(submission()).id, "store_failed");
  EXPECT_TRUE(spool_is_empty());
  EXPECT_EQ(await(service_->total(std::nullopt)).value(), 0u);
  EXPECT_EQ(run()["verdict"], "passed");
}

TEST_F(SubmitTest, IsRefusedWhileTheServiceDrains) {
  stop();
  const auto error = refused(submission());
  EXPECT_EQ(error.id, "draining");
  EXPECT_EQ(error.code, Errc::unavailable);
}

TEST_F(SubmitTest, DiscoversATestOnlyWhenAsked) {
  const auto directory = make_skill("");
  std::ofstream(fs::path(directory) / "test.sh") << "#!/bin/sh\nexit 0\n";
  Submission wanted;
  wanted.skill_path = directory;
  EXPECT_EQ(result_of(wait(await(service_->submit(wanted))->id))["verdict"], "untested");
  wanted.discover = true;
  const auto result = result_of(wait(await(service_->submit(wanted))->id));
  EXPECT_EQ(result["verdict"], "passed");
  EXPECT_EQ(result["declared"], false);
}

TEST_F(SubmitTest, RemovesAnArchiveOnThePoolAndNotOnTheLoop) {
  std::promise<void> release;
  const auto released = release.get_future().share();
  for (int i = 0; i < 2; ++i)
    pool_.post([released] { released.wait(); });
  Submission wanted;
  wanted.archive = spool_file("bytes");
  wanted.nonce = std::string(500, 'n');
  const auto archive = *wanted.archive;
  bool done = false;
  core::asio::co_spawn(io_, service_->submit(std::move(wanted)), [&done](const std::exception_ptr&, const auto& job) {
    done = true;
    EXPECT_EQ(job.error().id, "nonce_invalid");
  });
  io_.restart();
  io_.poll();
  EXPECT_FALSE(done);
  EXPECT_TRUE(fs::exists(archive)) << "removed by the loop's thread";
  release.set_value();
  io_.restart();
  while (!done)
    io_.run_one();
  EXPECT_FALSE(fs::exists(archive));
}

TEST_F(SubmitTest, KeepsWhoseAJobIsAndWhoMaySeeIt) {
  Submission wanted;
  wanted.skill_path = make_skill(kTested);
  wanted.is_private = true;
  EXPECT_EQ(refused(wanted).id, "visibility_invalid") << "private to whom?";
  wanted.owner = "0123456789abcdef";
  const auto job = await(service_->submit(wanted));
  ASSERT_TRUE(job);
  const auto access = await(service_->access(job->id));
  ASSERT_TRUE(access);
  EXPECT_EQ(access->owner, wanted.owner);
  EXPECT_TRUE(access->is_private);
  EXPECT_EQ(await(service_->total("another")).value(), 0u);
  EXPECT_EQ(await(service_->total(wanted.owner)).value(), 1u);
}

TEST_F(SubmitTest, AClientsShareOfTheQueueIsItsOwn) {
  options_.workers = 1;
  options_.queue_per_client = 2;
  restart();
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  const auto of = [this](const std::string& owner, const std::string& client) {
    Submission wanted = submission();
    wanted.owner = owner;
    wanted.client = client;
    return wanted;
  };
  const auto accepted = [&](const std::string& owner, const std::string& client) {
    const auto job = await(service_->submit(of(owner, client)));
    EXPECT_TRUE(job) << job.error().message;
    return job ? job->id : std::string();
  };
  accepted("greedy", {});
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  accepted("greedy", {});
  const auto last = accepted("greedy", {});
  const auto full = refused(of("greedy", {}));
  EXPECT_EQ(full.id, "client_queue_full");
  EXPECT_EQ(full.code, Errc::overloaded);
  accepted({}, "an address");
  accepted({}, "an address");
  EXPECT_EQ(refused(of({}, "an address")).id, "client_queue_full");
  const auto polite = accepted("polite", {});
  for (int i = 0; i < 3; ++i)
    accepted({}, {});

  sandbox_.release();
  wait(polite);
  wait(last);
  std::vector<std::string> order;
  for (const auto& request : sandbox_.run_requests)
    order.push_back(request.job_id);
  EXPECT_LT(std::ranges::find(order, polite), std::ranges::find(order, last))
      << "the other one's third job comes after the first of everybody else";
  accepted("greedy", {});
}

TEST_F(SubmitTest, AnOwnersConcurrencyIsCapped) {
  options_.workers = 3;
  options_.owner_concurrency = [](const std::string& owner) { return owner == "capped" ? 1u : 0u; };
  restart();
  for (int i = 0; i < 3; ++i)
    sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  std::vector<std::string> ids;
  for (const char* owner : {"capped", "capped", "other", "other"}) {
    Submission wanted = submission();
    wanted.owner = owner;
    ids.push_back(await(service_->submit(std::move(wanted)))->id);
  }
  ASSERT_TRUE(await(sandbox_.until_running(3)));
  EXPECT_EQ(find(ids[1]).state, JobState::pending);
  EXPECT_EQ(find(ids[3]).state, JobState::running) << "a place that the cap left free";
  sandbox_.release();
  for (const auto& id : ids)
    EXPECT_EQ(wait(id).state, JobState::completed);
}

TEST_F(SubmitTest, RecoveredJobsKeepTheirOwnersShare) {
  options_.workers = 1;
  options_.queue_per_client = 1;
  restart();
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  Submission wanted = submission();
  wanted.owner = "somebody";
  const auto running = await(service_->submit(wanted));
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  const auto waiting = await(service_->submit(wanted));
  ASSERT_TRUE(running && waiting);
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  restart();
  ASSERT_TRUE(await(sandbox_.until_running(1)));
  EXPECT_EQ(find(running->id).state, JobState::running) << "the oldest first";
  EXPECT_EQ(refused(wanted).id, "client_queue_full");
  sandbox_.release();
  EXPECT_EQ(wait(waiting->id).state, JobState::completed);
}

}  // namespace
}  // namespace skill_verifier::service
