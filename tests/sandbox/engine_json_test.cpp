#include "sandbox/engine_json.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::sandbox {
namespace {

using namespace engine_json;

TEST(EngineJson, ReadsWhatTheEngineSaysAboutItself) {
  const auto info = read_info(R"({"ID":"X","ServerVersion":"20.10.24","CgroupDriver":"cgroupfs","CgroupVersion":"1",
    "Runtimes":{"runc":{},"runsc":{"path":"x"}},"SecurityOptions":["name=seccomp,profile=default","name=userns"],
    "NCPU":2,"MemTotal":25769803776,"MemoryLimit":true,"SwapLimit":true,"PidsLimit":true,"CpuCfsQuota":true})");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->version, "20.10.24");
  EXPECT_EQ(info->runtimes, (std::vector<std::string>{"runc", "runsc"}));
  EXPECT_EQ(info->memory_bytes, 25769803776u);
  EXPECT_TRUE(info->memory_limit && info->swap_limit && info->pids_limit && info->cpu_quota);
  EXPECT_TRUE(info->has_security_option("seccomp"));
  EXPECT_TRUE(info->has_security_option("userns"));
  EXPECT_FALSE(info->has_security_option("seccom"));
  EXPECT_FALSE(info->has_security_option("rootless"));
}

TEST(EngineJson, TakesMembersOfAnotherTypeForAbsent) {
  const auto info = read_info(R"({"ID":7,"ServerVersion":null,"Runtimes":["runc"],"SecurityOptions":"name=seccomp",
    "NCPU":"2","MemTotal":-5,"MemoryLimit":"true","PidsLimit":1,"SwapLimit":null})");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->id, "");
  EXPECT_TRUE(info->runtimes.empty());
  EXPECT_TRUE(info->security_options.empty());
  EXPECT_EQ(info->cpus, 0);
  EXPECT_EQ(info->memory_bytes, 0u);
  EXPECT_FALSE(info->memory_limit || info->pids_limit || info->swap_limit);
  for (const char* value : {"[]", "null", "7", "\"x\"", "{}"})
    EXPECT_TRUE(read_info(value)) << value;
}

TEST(EngineJson, NeverThrowsWhateverTheAnswer) {
  const std::vector<std::string> values = {"",
                                           "{",
                                           "[]",
                                           "null",
                                           "7",
                                           "\"x\"",
                                           "{}",
                                           "[7]",
                                           "[{}]",
                                           R"({"Id":7})",
                                           R"({"Id":""})",
                                           R"({"State":[]})",
                                           R"({"Id":[],"State":7})",
                                           R"({"StatusCode":"0"})",
                                           R"({"StatusCode":null,"Error":7})",
                                           R"({"SizeRw":"1"})",
                                           "\xff\xfe",
                                           R"({"Id":"a","Id":"b"})"};
  for (const std::string& value : values) {
    EXPECT_FALSE(read_image(value)) << value;
    EXPECT_FALSE(read_created(value)) << value;
    EXPECT_FALSE(read_container(value)) << value;
    EXPECT_FALSE(read_written_bytes(value)) << value;
    EXPECT_FALSE(read_exit(value)) << value;
    EXPECT_FALSE(read_image_id(value)) << value;
    const auto images = read_image_list(value);
    EXPECT_EQ(images.has_value(), value == "[]") << value;
    EXPECT_EQ(read_container_list(value).has_value(), value == "[]") << value;
    if (!images) EXPECT_EQ(images.error().id, "engine_error");
    read_error_message(value);
  }
}

TEST(EngineJson, ReadsAnImage) {
  const auto image =
      read_image(R"({"Id":"sha256:aa","RepoTags":["a:1"],"RepoDigests":["a@sha256:bb"],"Parent":"sha256:cc",
    "Size":123,"Architecture":"amd64","Config":{"Env":["PATH=/bin","A=1"],"Labels":{"k":"v","n":7},"User":"65534",
    "Volumes":{"/data":{}}}})");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->id, "sha256:aa");
  EXPECT_EQ(image->env, (std::vector<std::string>{"PATH=/bin", "A=1"}));
  EXPECT_EQ(image->labels, (Labels{{"k", "v"}}));
  EXPECT_EQ(image->volumes, std::vector<std::string>{"/data"});
  EXPECT_EQ(image->parent, "sha256:cc");
  EXPECT_EQ(image->size, 123u);
  EXPECT_FALSE(read_container(R"({"Id":"x","State":7})"));
  const auto bare = read_image(R"({"Id":"sha256:aa","Config":null,"RepoTags":null})");
  ASSERT_TRUE(bare) << "engines leave empty members out";
}

TEST(EngineJson, ReadsTheStateOfAContainer) {
  const auto container = read_container(R"({"Id":"c1","Image":"sha256:aa","Config":{"Labels":{"job":"1"}},
    "State":{"Status":"exited","Running":false,"OOMKilled":true,"ExitCode":137,"Pid":0,"Error":"none"}})");
  ASSERT_TRUE(container);
  EXPECT_EQ(container->status, "exited");
  EXPECT_TRUE(container->oom_killed);
  EXPECT_FALSE(container->running);
  EXPECT_EQ(container->exit_code, 137);
  EXPECT_EQ(container->labels, (Labels{{"job", "1"}}));
}

TEST(EngineJson, ReadsAnExitWithAndWithoutAnError) {
  EXPECT_EQ(read_exit(R"({"StatusCode":3,"Error":null})")->code, 3);
  EXPECT_EQ(read_exit(R"({"StatusCode":0,"Error":{"Message":"lost"}})")->error, "lost");
  EXPECT_EQ(read_exit(R"({"StatusCode":99999999999})")->code, -1) << "never taken for a success";
}

TEST(EngineJson, ReadsTheMessagesOfAPull) {
  EXPECT_EQ(read_pull_message(R"({"status":"Pulling fs layer","progressDetail":{},"id":"ab"})")->line,
            "ab: Pulling fs layer");
  EXPECT_EQ(read_pull_message(R"({"status":"Downloading","progressDetail":{"current":1,"total":9},"id":"ab"})")->line,
            "");
  EXPECT_EQ(read_pull_message(R"({"status":"Digest: sha256:aa"})")->line, "Digest: sha256:aa");
  const auto failed = read_pull_message(R"({"errorDetail":{"code":404,"message":"gone"},"error":"gone"})");
  EXPECT_EQ(failed->error, "gone");
  EXPECT_EQ(failed->error_code, 404);
  EXPECT_EQ(read_pull_message(R"({"error":"old engine"})")->error, "old engine");
  EXPECT_NE(read_pull_message(R"({"errorDetail":{}})")->error, "");
  EXPECT_FALSE(read_pull_message("not json"));
}

TEST(EngineJson, KeepsTheEnginesMessageShortAndPrintable) {
  EXPECT_EQ(read_error_message(R"({"message":"No such image: x"})"), "No such image: x");
  EXPECT_EQ(read_error_message("404 page not found"), "404 page not found");
  EXPECT_EQ(read_error_message(""), "no reason given");
  EXPECT_LE(read_error_message(R"({"message":")" + std::string(5000, 'x') + "\"}").size(), 310u);
  EXPECT_EQ(read_error_message("a\nb").find('\n'), std::string::npos);
}

TEST(EngineJson, QuotesLabelsInAFilter) {
  EXPECT_EQ(label_filter({"a=b", "c\"d"}), R"({"label":["a=b","c\"d"]})");
}

TEST(ChangeCounter, CountsEntriesHoweverTheyArrive) {
  const std::string answer =
      R"([{"Path":"/a \"Kind\":1","Kind":1},{"Path":"/\"Kind\"","Kind":0},{"Path":"/Kind","Kind":2}])"
      "\n";
  for (std::size_t size = 1; size <= answer.size(); ++size) {
    engine_json::ChangeCounter counter;
    for (std::size_t at = 0; at < answer.size(); at += size)
      counter.add(std::string_view(answer).substr(at, size));
    EXPECT_EQ(counter.count(), 3u) << "in pieces of " << size;
  }
}

TEST(ChangeCounter, FindsNothingInAnEmptyAnswer) {
  engine_json::ChangeCounter counter;
  EXPECT_EQ(counter.add("null\n"), 0u);
  EXPECT_EQ(counter.add(""), 0u);
}

}  // namespace
}  // namespace skill_verifier::sandbox
