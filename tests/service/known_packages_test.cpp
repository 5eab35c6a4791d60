#include "service/known_packages.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <functional>
#include <set>

#include "service/service_fixture.hpp"

namespace skill_verifier::service {
namespace {

/// Long enough after now that what was just written counts as settled.
std::chrono::system_clock::time_point later() {
  return std::chrono::system_clock::now() + std::chrono::seconds(10);
}

void write(const fs::path& file, std::string_view text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

class KnownPackagesTest : public testing::Test {
 protected:
  KnownPackagesTest() : scratch_(fs::temp_directory_path() / ("svknown-" + core::random_hex(8))) {
    write(root() / "SKILL.md", "---\nname: demo\ndescription: d\n---\n");
    write(root() / "scripts" / "run.sh", "#!/bin/sh\n");
  }
  ~KnownPackagesTest() override { fs::remove_all(scratch_); }

  fs::path root() const { return scratch_ / "skill"; }
  fs::path pack() { return scratch_ / (std::to_string(packs_++) + ".pack"); }
  skill::Package read() {
    auto package = skill::import_directory(root(), pack(), {});
    EXPECT_TRUE(package) << package.error().message;
    return package ? *package : skill::Package{};
  }
  TreeStamp stamp() {
    auto taken = TreeStamp::take(root(), read(), later());
    EXPECT_TRUE(taken);
    return *taken;
  }
  /// Keeps a package of so many bytes under `key`; gives its pack.
  fs::path keep(KnownPackages& known, const std::string& key, std::uint64_t bytes = 10) {
    const auto made = pack();
    write(made, std::string(bytes, 'x'));
    JobRequest request;
    request.tree_digest = key;
    request.pack_bytes = bytes;
    known.keep(key, taken_in(std::move(request), made), std::nullopt, 77);
    return made;
  }

  fs::path scratch_;
  int packs_ = 0;
};

TEST_F(KnownPackagesTest, AStampHoldsWhileNothingChanges) {
  const auto taken = stamp();
  EXPECT_TRUE(taken.holds());
  read();
  EXPECT_TRUE(taken.holds()) << "reading is no change";
}

TEST_F(KnownPackagesTest, AStampNoticesEveryKindOfChange) {
  const fs::path script = root() / "scripts" / "run.sh";
  const std::vector<std::pair<const char*, std::function<void()>>> changes = {
      {"other bytes of the same length, with the old time",
       [&] {
         struct stat before{};
         ASSERT_EQ(::stat(script.c_str(), &before), 0);
         write(script, "#!/bin/ls\n");
         const timespec times[2] = {before.st_atim, before.st_mtim};
         ASSERT_EQ(::utimensat(AT_FDCWD, script.c_str(), times, 0), 0);
       }},
      {"a new file", [&] { write(root() / "scripts" / "more.sh", ""); }},
      {"a new empty folder", [&] { fs::create_directory(root() / "empty"); }},
      {"a removed file", [&] { fs::remove(root() / "scripts" / "more.sh"); }},
      {"a renamed file", [&] { fs::rename(script, root() / "scripts" / "walk.sh"); }},
      {"another mode", [&] { fs::permissions(root() / "SKILL.md", fs::perms::owner_all); }},
      {"a link in a folder's place",
       [&] {
         fs::rename(root() / "scripts", scratch_ / "elsewhere");
         fs::create_directory_symlink(scratch_ / "elsewhere", root() / "scripts");
       }},
  };
  for (const auto& [what, change] : changes) {
    const auto taken = stamp();
    change();
    EXPECT_FALSE(taken.holds()) << what;
  }
}

TEST_F(KnownPackagesTest, AStampDoesNotOutliveItsFolder) {
  const auto taken = stamp();
  fs::remove_all(root());
  EXPECT_FALSE(taken.holds());
}

TEST_F(KnownPackagesTest, TakesNoStampOfWhatChangedJustNow) {
  EXPECT_FALSE(TreeStamp::take(root(), read(), std::chrono::system_clock::now()));
}

TEST_F(KnownPackagesTest, AStampCoversTheFolderThatWasEntered) {
  fs::rename(root(), scratch_ / "inner");
  fs::create_directory(root());
  fs::rename(scratch_ / "inner", root() / "inner");
  const auto taken = stamp();
  EXPECT_TRUE(taken.holds());
  write(root() / "inner" / "new.txt", "");
  EXPECT_FALSE(taken.holds());
}

TEST_F(KnownPackagesTest, GivesThePackAndTheRequestOfAKnownPackage) {
  KnownPackages known(scratch_ / "known", 1000);
  keep(known, "a");
  EXPECT_TRUE(known.has_archive_of(77));
  EXPECT_FALSE(known.has_archive_of(78));
  const auto found = known.find("a");
  ASSERT_TRUE(found);
  const auto taken = KnownPackages::take(found);
  EXPECT_EQ(taken.request->tree_digest, "a");
  EXPECT_EQ(*taken.json, package_json(*taken.request));
  EXPECT_EQ(fs::file_size(taken.pack.file), 10u);
  ASSERT_TRUE(taken.pack.shared);
  EXPECT_EQ(taken.pack.shared->keeper, found);
  EXPECT_EQ(taken.pack.shared->sha256, core::sha256(core::as_bytes(std::string(10, 'x'))));
  EXPECT_FALSE(known.find("b"));
}

TEST_F(KnownPackagesTest, APackStaysForAsLongAsSomebodyHoldsIt) {
  KnownPackages known(scratch_ / "known", 25);
  keep(known, "a");
  auto held = known.find("a");
  ASSERT_TRUE(held);
  const fs::path file = held->file;
  keep(known, "b", 25);
  EXPECT_FALSE(known.find("a")) << "there was no room for both";
  EXPECT_TRUE(fs::exists(file));
  held.reset();
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(KnownPackagesTest, LooksAreNoNames) {
  KnownPackages known(scratch_ / "known", 1000);
  keep(known, "a");
  for (std::uint64_t i = 0; i <= KnownPackages::kMostNames; ++i)
    ASSERT_TRUE(known.find("a")) << i;
}

TEST_F(KnownPackagesTest, APackWithAsManyNamesAsAFileMayHaveIsMadeAnew) {
  KnownPackages known(scratch_ / "known", 1000);
  const fs::path made = keep(known, "a");
  fs::create_directory(scratch_ / "names");
  const auto name = [this](std::uint64_t number) { return scratch_ / "names" / std::to_string(number); };
  std::error_code error;
  // Beside the one of the pack that came in and the kept one.
  for (std::uint64_t i = 2; i < KnownPackages::kMostNames && !error; ++i)
    fs::create_hard_link(made, name(i), error);
  if (error) GTEST_SKIP() << "a file of this file system has not so many names: " << error.message();
  EXPECT_FALSE(known.find("a"));
  keep(known, "a");
  EXPECT_TRUE(known.find("a"));
}

TEST_F(KnownPackagesTest, KeepsNoMoreThanItMay) {
  KnownPackages known(scratch_ / "known", 25);
  keep(known, "a");
  keep(known, "b");
  EXPECT_TRUE(known.find("a"));
  keep(known, "c");
  EXPECT_TRUE(known.find("a")) << "used last";
  EXPECT_FALSE(known.find("b"));
  keep(known, "large", 26);
  EXPECT_FALSE(known.find("large"));
  const fs::directory_iterator files(scratch_ / "known");
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);
}

TEST_F(KnownPackagesTest, KeepsNothingWhenItIsOff) {
  KnownPackages known(scratch_ / "known", 0);
  keep(known, "a");
  EXPECT_FALSE(known.find("a"));
  EXPECT_FALSE(fs::exists(scratch_ / "known"));
}

TEST_F(KnownPackagesTest, ForgetsAPackageWhoseFileIsGone) {
  KnownPackages known(scratch_ / "known", 1000);
  keep(known, "a");
  fs::remove_all(scratch_ / "known");
  EXPECT_FALSE(known.find("a"));
  keep(known, "a");
  EXPECT_TRUE(known.find("a"));
}

TEST_F(KnownPackagesTest, KeysDifferWithEverythingThatDecidesHowAPackageIsRead) {
  std::set<std::string> keys;
  Submission submission;
  keys.insert(KnownPackages::archive_key("a", submission));
  keys.insert(KnownPackages::folder_key("a", submission));
  keys.insert(KnownPackages::archive_key("b", submission));
  submission.discover = true;
  keys.insert(KnownPackages::archive_key("a", submission));
  submission.name = "";
  keys.insert(KnownPackages::archive_key("a", submission));
  submission.name = "n";
  keys.insert(KnownPackages::archive_key("a", submission));
  submission.name.reset();
  submission.version = "n";
  keys.insert(KnownPackages::archive_key("a", submission));
  submission.archive_name = "n";
  keys.insert(KnownPackages::archive_key("a", submission));
  EXPECT_EQ(keys.size(), 8u);
  submission.nonce = "only the job's";
  EXPECT_TRUE(keys.contains(KnownPackages::archive_key("a", submission)));
}

/// Eleven octal digits.
std::string octal(std::uint64_t value) {
  std::string digits(11, '0');
  for (std::size_t i = digits.size(); i-- > 0; value /= 8)
    digits[i] = static_cast<char>('0' + value % 8);
  return digits;
}

/// A tar of one SKILL.md, as `tar` writes it.
std::string small_tar(const std::string& content) {
  std::string header(512, '\0');
  std::string("SKILL.md").copy(header.data(), 100);
  std::string("0000644").copy(header.data() + 100, 8);
  std::string("0000000").copy(header.data() + 108, 8);
  std::string("0000000").copy(header.data() + 116, 8);
  const auto size = octal(content.size());
  size.copy(header.data() + 124, 12);
  std::string("00000000000").copy(header.data() + 136, 12);
  header[156] = '0';
  std::string("ustar\00000", 8).copy(header.data() + 257, 8);
  header.replace(148, 8, 8, ' ');
  std::uint64_t sum = 0;
  for (const char c : header)
    sum += static_cast<unsigned char>(c);
  octal(sum).substr(5).copy(header.data() + 148, 6);
  header[154] = '\0';
  std::string archive = header + content;
  archive.resize((archive.size() + 511) / 512 * 512 + 1024);
  return archive;
}

class KnownArchiveTest : public ServiceTest {};

TEST_F(KnownArchiveTest, AnArchiveThatComesAgainIsNotUnpackedAgain) {
  options_.known_package_bytes = 1u << 20;
  options_.workers = 1;
  sandbox_.runs.push_back(FakeSandbox::held(FakeSandbox::exited(0)));
  start();
  const std::string tar = small_tar("---\nname: packed\nversion: 2.0.0\ndescription: d\ntest_command: echo hi\n---\n");
  Submission first;
  first.archive = spool_file(tar);
  first.nonce = "one";
  const auto a = await(service_->submit(first));
  ASSERT_TRUE(a) << a.error().message;
  Submission again;
  again.archive_bytes = tar;
  again.nonce = "two";
  const auto b = await(service_->submit(again));
  ASSERT_TRUE(b) << b.error().message;
  // The kept pack and each job's name for it.
  EXPECT_EQ(fs::hard_link_count(store_->pack_path(b->id)), 3u);
  EXPECT_EQ(a->skill_id, b->skill_id);
  EXPECT_EQ(parse(b->request)["nonce"], "two");
  auto as_first = parse(b->request);
  as_first["nonce"] = "one";
  EXPECT_EQ(as_first, parse(a->request));
  Submission other = again;
  other.name = "renamed";
  const auto c = await(service_->submit(other));
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(fs::hard_link_count(store_->pack_path(c->id)), 2u) << "its manifest is read anew";
  EXPECT_EQ(fs::file_size(store_->pack_path(c->id)), fs::file_size(store_->pack_path(a->id)));
}

}  // namespace
}  // namespace skill_verifier::service
