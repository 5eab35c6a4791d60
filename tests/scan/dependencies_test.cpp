#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scan/dependency_files.hpp"
#include "scan/scan_fixture.hpp"
#include "scan/toml.hpp"

namespace skill_verifier::scan {
namespace {

using test::hits;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Files = std::map<std::string, std::string>;

Report with(Files files) {
  files.emplace("SKILL.md", test::skill_md("Run it with care, please.\n"));
  return test::scan_files(files);
}
std::vector<std::string> notes(const Report& report, const std::string& check) {
  std::vector<std::string> notes;
  for (const Row& row : hits(report, "dependencies/" + check))
    notes.push_back(row.note);
  return notes;
}

const std::string kRanged = "{\"dependencies\": {\n  \"left\": \"^1.2.0\",\n  \"right\": \"2.0.1\"\n}}\n";

TEST(Dependencies, NamesRangesWithTheirLine) {
  const Report report = with({{"package.json", kRanged}});
  const auto rows = hits(report, "dependencies/unpinned");
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].note, "`left` ^1.2.0");
  EXPECT_EQ(rows[0].line, 2);
  EXPECT_EQ(rows[0].matched, "\"left\"");
  EXPECT_THAT(notes(report, "no-lock"), ElementsAre("2 declared"));
  EXPECT_THAT(notes(report, "lock-mismatch"), IsEmpty());
}

TEST(Dependencies, KnowWhatPinsAnNpmPackage) {
  const auto read = read_package_json(
      "{\"dependencies\": {\"a\": \"1.2.3\", \"b\": \"=1.2.3-rc.1\", \"c\": \"npm:@x/y@4.5.6\", \"d\": \"file:./d\", "
      "\"e\": \"git+https://git.example/e.git#0123456789abcdef0123456789abcdef01234567\"}, "
      "\"devDependencies\": {\"f\": \"~1.2.3\", \"g\": \"latest\", \"h\": \"1.2\", \"i\": \"*\", \"j\": \"\", "
      "\"k\": \"https://files.example/k.tgz\", \"l\": \"git+https://git.example/l.git#main\", \"m\": 3}}");
  ASSERT_TRUE(read);
  std::string pinned;
  for (const Dependency& one : read->dependencies)
    if (one.pinned) pinned += one.name;
  EXPECT_EQ(pinned, "abcde");
  EXPECT_THAT(read->dependencies, SizeIs(13));
}

TEST(Dependencies, AreHeldByAPackageLock) {
  const std::string lock =
      "{\"lockfileVersion\": 3, \"packages\": {\"\": {\"dependencies\": {\"left\": \"^1.2.0\", \"right\": \"2.0.1\"}}, "
      "\"node_modules/left\": {\"version\": \"1.4.0\"}, \"node_modules/right\": {\"version\": \"2.0.1\"}}}";
  for (const char* name : {"package-lock.json", "npm-shrinkwrap.json"}) {
    const Report good = with({{"package.json", kRanged}, {name, lock}});
    for (const char* check : {"unpinned", "no-lock", "lock-mismatch", "unreadable"})
      EXPECT_THAT(notes(good, check), IsEmpty()) << check;
  }
  const auto mismatch = [&](std::string from, const std::string& to) {
    std::string changed = lock;
    changed.replace(changed.find(from), from.size(), to);
    return notes(with({{"package.json", kRanged}, {"package-lock.json", changed}}), "lock-mismatch");
  };
  EXPECT_THAT(mismatch("^1.2.0", "^1.1.0"), ElementsAre("package-lock.json: it was made for `left` ^1.1.0"));
  EXPECT_THAT(mismatch("node_modules/left", "node_modules/lefty"),
              ElementsAre("package-lock.json: it does not have `left`"));
  EXPECT_THAT(mismatch("\"version\": \"2.0.1\"", "\"version\": \"2.0.2\""),
              ElementsAre("package-lock.json: it has `right` 2.0.2"));
  EXPECT_THAT(mismatch("{\"left\"", "{\"up\": \"1.0.0\", \"left\""),
              ElementsAre("it was made for `up`, which package.json does not declare"));
}

TEST(Dependencies, AreHeldByOlderAndOtherLocksOfNode) {
  const Files first{{"package.json", kRanged},
                    {"package-lock.json",
                     "{\"lockfileVersion\": 1, \"dependencies\": {\"left\": {\"version\": "
                     "\"1.4.0\"}, \"right\": {\"version\": \"2.0.1\"}}}"}};
  const Files yarn{{"package.json", kRanged},
                   {"yarn.lock",
                    "# yarn lockfile v1\n\n\"left@^1.0.0\", \"left@^1.2.0\":\n  version \"1.4.0\"\n\n"
                    "right@2.0.1:\n  version \"2.0.1\"\n"}};
  const Files berry{{"package.json", kRanged},
                    {"yarn.lock",
                     "__metadata:\n  version: 6\n\n\"left@npm:^1.0.0, left@npm:^1.2.0\":\n  version: 1.4.0\n"
                     "\"right@npm:2.0.1\":\n  version: 2.0.1\n"}};
  const Files pnpm9{
      {"package.json", kRanged},
      {"pnpm-lock.yaml",
       "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      left:\n        specifier: ^1.2.0\n"
       "        version: 1.4.0(peer@1.0.0)\n      right:\n        specifier: 2.0.1\n        version: 2.0.1\n"}};
  const Files pnpm5{{"package.json", kRanged},
                    {"pnpm-lock.yaml",
                     "lockfileVersion: 5.4\nspecifiers:\n  left: ^1.2.0\n  right: 2.0.1\n"
                     "dependencies:\n  left: 1.4.0_peer@1.0.0\n  right: 2.0.1\n"}};
  for (const Files& files : {first, yarn, berry, pnpm9, pnpm5}) {
    const Report report = with(files);
    for (const char* check : {"unpinned", "no-lock", "lock-mismatch", "unreadable"})
      EXPECT_THAT(notes(report, check), IsEmpty()) << files.rbegin()->first << ": " << files.rbegin()->second << check;
    // The same lock file beside a manifest that has moved on.
    Files moved = files;
    moved["package.json"].replace(kRanged.find("^1.2.0"), 6, "^3.0.0");
    moved["package.json"].replace(kRanged.find("2.0.1"), 5, "2.0.7");
    EXPECT_THAT(notes(with(moved), "lock-mismatch"), SizeIs(files == first ? 1 : 2)) << files.rbegin()->second;
  }
}

TEST(Dependencies, OfAFolderMayBeHeldByALockAboveIt) {
  const std::string lock =
      "{\"lockfileVersion\": 3, \"packages\": {\"\": {\"dependencies\": {\"other\": \"1.0.0\"}}, "
      "\"node_modules/left\": {\"version\": \"1.4.0\"}, \"node_modules/right\": {\"version\": \"2.0.1\"}}}";
  const Report report = with({{"tools/a/package.json", kRanged}, {"package-lock.json", lock}});
  EXPECT_THAT(notes(report, "unpinned"), IsEmpty());
  EXPECT_THAT(notes(report, "lock-mismatch"), IsEmpty());
  EXPECT_THAT(notes(with({{"node_modules/x/package.json", kRanged}}), "unpinned"), IsEmpty()) << "not the skill's own";
}

TEST(Dependencies, KnowWhatPinsAPythonPackage) {
  const auto read = read_requirements(
      "# comment\n-r other.txt\n--index-url https://pypi.org/simple\n./local\n"
      "a==1.2.3\nB_b[extra] == 2.0 ; python_version > \"3.8\"  # why\nc===1\n"
      "d @ git+https://git.example/d@0123456789abcdef0123456789abcdef01234567\n"
      "e @ https://files.example/e.whl#sha256=00\n"
      "f>=1,<2\ng\nh==1.*\ni~=1.4\ngit+https://git.example/j@main\nk \\\n  >= 3\n");
  std::string pinned, open;
  for (const Dependency& one : read.dependencies)
    (one.pinned ? pinned : open) += one.name + " ";
  EXPECT_EQ(pinned, "a b-b c d e ");
  EXPECT_EQ(open, "f g h i git+https://git.example/j@main k ");
  EXPECT_FALSE(read.hashed);
  EXPECT_TRUE(read_requirements("a==1 --hash=sha256:00\nb==2 \\\n    --hash=sha256:11\n").hashed);
  EXPECT_FALSE(read_requirements("a==1 --hash=sha256:00\nb==2\n").hashed);
  EXPECT_FALSE(read_requirements("# nothing\n").hashed);
}

TEST(Dependencies, WithHashesAreTheirOwnLock) {
  EXPECT_THAT(notes(with({{"requirements.txt", "a==1.0 --hash=sha256:00\n"}}), "no-lock"), IsEmpty());
  EXPECT_THAT(notes(with({{"requirements.txt", "a==1.0\n"}}), "no-lock"), ElementsAre("1 declared"));
  EXPECT_THAT(notes(with({{"requirements-dev.txt", "a>=1.0\n"}}), "unpinned"), ElementsAre("`a` >=1.0"));
}

TEST(Dependencies, OfPyprojectAreReadInEveryForm) {
  const auto read = read_pyproject(
      "[project]\ndependencies = [\"a>=1\", \"b==2\"]\n[project.optional-dependencies]\nx = [\"c\"]\n"
      "[dependency-groups]\ndev = [\"d==1\", {include-group = \"x\"}]\n"
      "[tool.poetry.dependencies]\npython = \"^3.11\"\ne = \"^1.0\"\nf = \"1.0.4\"\ng = {path = \"../g\"}\n"
      "h = {git = \"https://git.example/h\", rev = \"0123456789abcdef0123456789abcdef01234567\"}\n"
      "[tool.poetry.group.test.dependencies]\ni = {version = \"==3.1\", extras = [\"y\"]}\n");
  ASSERT_TRUE(read) << read.error().message;
  std::string pinned, open;
  for (const Dependency& one : read->dependencies)
    (one.pinned ? pinned : open) += one.name;
  EXPECT_EQ(pinned, "bdfghi");
  EXPECT_EQ(open, "ace");
}

TEST(Dependencies, OfPyprojectAreHeldByPoetryAndUv) {
  const std::string manifest = "[project]\nname = \"x\"\ndependencies = [\"My_Lib>=1\", \"other==2.0\"]\n";
  const std::string lock =
      "[[package]]\nname = \"my-lib\"\nversion = \"1.4\"\n[[package]]\nname = \"other\"\nversion = \"2.0\"\n";
  for (const char* name : {"poetry.lock", "uv.lock"}) {
    const Report report = with({{"pyproject.toml", manifest}, {name, lock}});
    for (const char* check : {"unpinned", "no-lock", "lock-mismatch", "unreadable"})
      EXPECT_THAT(notes(report, check), IsEmpty()) << check;
    EXPECT_THAT(
        notes(with({{"pyproject.toml", manifest}, {name, "[[package]]\nname = \"other\"\nversion = \"2.1\"\n"}}),
              "lock-mismatch"),
        ElementsAre(std::string(name) + ": it does not have `my-lib`", std::string(name) + ": it has `other` 2.1"));
  }
  const auto open = hits(with({{"pyproject.toml", manifest}}), "dependencies/unpinned");
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0].matched, "My_Lib") << "found under the name as it is written";
}

TEST(Dependencies, ThatCannotBeReadHaveARow) {
  EXPECT_THAT(notes(with({{"package.json", "{"}}), "unreadable"), SizeIs(1));
  EXPECT_THAT(notes(with({{"package.json", "{\"dependencies\": []}"}}), "unreadable"),
              ElementsAre("dependencies is no object"));
  EXPECT_THAT(notes(with({{"pyproject.toml", "a = \n"}}), "unreadable"), ElementsAre(HasSubstr("line 1")));
  EXPECT_THAT(notes(with({{"package.json", kRanged}, {"package-lock.json", "{}"}}), "unreadable"), SizeIs(1));
  EXPECT_THAT(notes(with({{"package.json", kRanged}, {"pnpm-lock.yaml", "["}}), "unreadable"), SizeIs(1));
  EXPECT_THAT(notes(with({{"package.json", "[]"}}), "unreadable"), IsEmpty()) << "declares nothing";
  EXPECT_THAT(notes(with({{"package.json", std::string((1u << 20) + 1, ' ')}}), "unreadable"),
              ElementsAre("more than 1 MiB"));
}

TEST(Dependencies, AreSkippedForOneFileOnItsOwn) {
  const Report report = test::scan_text("package.json", kRanged);
  const auto row = std::ranges::find(report.rows, "standard/dependencies/no-lock", &Row::check);
  ASSERT_NE(row, report.rows.end());
  EXPECT_EQ(row->outcome, Outcome::skipped);
}

TEST(Dependencies, DoNotTakeLongBecauseThereAreMany) {
  std::string many = "{\"dependencies\": {";
  for (int i = 0; many.size() < (1u << 20) - 100; ++i)
    many += (i == 0 ? "\"p" : ",\"p") + std::to_string(i) + "\":\"*\"";
  const Report report = with({{"package.json", many + "}}"}});
  const auto rows = hits(report, "dependencies/unpinned");
  EXPECT_THAT(rows, SizeIs(25));
  EXPECT_THAT(rows.back().note, HasSubstr("more"));
}

TEST(ParseToml, RefusesWhatWouldExhaustTheStack) {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i)
    key += ".a";
  EXPECT_FALSE(parse_toml("[" + key + "]\n"));
  EXPECT_FALSE(parse_toml(key + " = 1\n"));
  EXPECT_FALSE(parse_toml("x = {" + key + " = 1}\n"));
  EXPECT_FALSE(parse_toml("x = " + std::string(100'000, '[')));
  std::string quoted = "\"\\\"\"";
  for (int i = 0; i < 100'000; ++i)
    quoted += " . \"\\\"\"";
  EXPECT_FALSE(parse_toml(quoted + " = 1\n"));
  EXPECT_TRUE(parse_toml("a.b.c = \"1.2.3.4\"\nversions = [\"1.2.3\", \"4.5.6\"]\n"));
  EXPECT_EQ(parse_toml(std::string((4u << 20) + 1, ' ')).error().id, "toml_too_large");
}

}  // namespace
}  // namespace skill_verifier::scan
