#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <locale.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "skill/archive_builder.hpp"
#include "skill/package_fixture.hpp"
#include "skill_verifier/core/bytes.hpp"

// Other programs as judges: archives as tar, zip, zstd and libarchive write them, digests as sha256sum computes them.
namespace skill_verifier::skill {
namespace {

namespace fs = std::filesystem;

bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null 2>&1").c_str()) == 0;
}

/// Path to bytes, as libarchive reads an archive; directories end in '/'.
using Tree = std::map<std::string, std::string>;

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

/// libarchive's names depend on the locale; the thread's is changed and not the process's.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), previous_(::uselocale(locale_)) {}
  ~Utf8Locale() {
    ::uselocale(previous_);
    ::freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t locale_;
  locale_t previous_;
};

std::string plain_path(std::string path, bool directory) {
  while (path.starts_with("./"))
    path.erase(0, 2);
  if (directory && !path.empty() && !path.ends_with('/')) path += '/';
  return path;
}

Tree read_with_libarchive(const std::string& bytes) {
  const Utf8Locale locale;
  const std::unique_ptr<archive, FreeReader> reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_zip_seekable(reader.get());
  EXPECT_EQ(archive_read_open_memory(reader.get(), bytes.data(), bytes.size()), ARCHIVE_OK);
  Tree tree;
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    const bool directory = archive_entry_filetype(entry) == AE_IFDIR;
    const std::string path = plain_path(archive_entry_pathname(entry), directory);
    std::string& body = tree[path];
    char buffer[4096];
    for (la_ssize_t count = 0; (count = archive_read_data(reader.get(), buffer, sizeof buffer)) > 0;) {
      body.append(buffer, static_cast<std::size_t>(count));
    }
  }
  EXPECT_EQ(archive_errno(reader.get()), 0) << archive_error_string(reader.get());
  tree.erase("");
  return tree;
}

class ArchiveTools : public PackageTest {
 protected:
  ArchiveTools() {
    put("skill/SKILL.md", "---\nname: x\n---\n");
    put("skill/scripts/run.sh", "#!/bin/sh\nexit 0\n", true);
    put("skill/data/" + std::string(120, 'n') + "/long.txt", "long name");
    put("skill/data/e\xcc\x81t\xc3\xa9.txt", "decomposed and composed");
    put("skill/data/blob", std::string(300'000, 'b'));
    put("skill/empty.txt", "");
    fs::create_directory(dir() / "skill/empty");
  }

  /// Runs a command in dir(); false skips the rest of the test.
  bool run(const std::string& command) const {
    return std::system(("cd '" + dir().string() + "' && " + command).c_str()) == 0;
  }
  std::string digest() const {
    const auto package = import_directory(dir() / "skill", pack(), {});
    return package ? package->tree_digest : package.error().message;
  }
  void expect_same(const std::string& archive) const {
    const std::string bytes = slurp(dir() / archive);
    const auto package = import(bytes);
    ASSERT_TRUE(package.has_value()) << archive << ": " << package.error().message;
    EXPECT_EQ(package->tree_digest, digest()) << archive;
  }
};

TEST_F(ArchiveTools, TreeDigestIsWhatSha256sumComputes) {
  fs::remove_all(dir() / "skill/data");  // xargs splits no other names of this tree
  ASSERT_TRUE(run("cd skill && find . -type f | cut -c3- | LC_ALL=C sort | xargs sha256sum | sha256sum > ../sum"));
  EXPECT_EQ(digest(), slurp(dir() / "sum").substr(0, 64));
}

TEST_F(ArchiveTools, ReadsWhatGnuTarWrites) {
  if (!has_program("tar")) GTEST_SKIP() << "tar is not installed";
  for (const std::string format : {"gnu", "oldgnu", "pax", "posix"}) {
    ASSERT_TRUE(run("tar --format=" + format + " -C skill -cf a.tar ."));
    expect_same("a.tar");
    ASSERT_TRUE(run("tar --format=" + format + " -czf b.tar.gz skill"));
    expect_same("b.tar.gz");
  }
  ASSERT_TRUE(run("rm -r 'skill/data' && tar --format=ustar -cf c.tar skill && tar --format=v7 -cf d.tar skill"));
  expect_same("c.tar");
  expect_same("d.tar");
}

TEST_F(ArchiveTools, ReadsWhatZstdWrites) {
  if (!has_program("zstd") || !has_program("tar")) GTEST_SKIP() << "zstd or tar is not installed";
  for (const std::string options : {"-1", "-19", "-T2", "--no-check"}) {
    ASSERT_TRUE(run("tar -cf - skill | zstd -q " + options + " > a.tar.zst"));
    expect_same("a.tar.zst");
  }
}

TEST_F(ArchiveTools, ReadsWhatInfoZipWrites) {
  if (!has_program("zip")) GTEST_SKIP() << "zip is not installed";
  fs::remove(dir() / "skill/data/e\xcc\x81t\xc3\xa9.txt");
  ASSERT_TRUE(run("zip -q -r a.zip skill && cd skill && zip -q -r -0 ../b.zip . && zip -q -D -r ../c.zip ."));
  expect_same("a.zip");
  expect_same("b.zip");
  expect_same("c.zip");
  ASSERT_TRUE(run("cd skill && zip -q -r - . > ../d.zip"));
  expect_same("d.zip");
}

TEST_F(ArchiveTools, ReadsUtf8NamesOfInfoZip) {
  if (!has_program("zip")) GTEST_SKIP() << "zip is not installed";
  ASSERT_TRUE(run("LC_ALL=C.UTF-8 zip -q -r a.zip skill"));
  expect_same("a.zip");
}

TEST_F(ArchiveTools, ReadsWhatPythonWrites) {
  if (!has_program("python3")) GTEST_SKIP() << "python3 is not installed";
  ASSERT_TRUE(
      run("python3 -c \"import shutil; shutil.make_archive('a','zip','skill'); "
          "shutil.make_archive('b','gztar','.','skill')\""));
  expect_same("a.zip");
  expect_same("b.tar.gz");
}

TEST_F(ArchiveTools, ReadsWhatGitArchiveWrites) {
  if (!has_program("git")) GTEST_SKIP() << "git is not installed";
  fs::remove(dir() / "skill/empty");
  ASSERT_TRUE(
      run("cd skill && git init -q . && git add . && git -c user.name=a -c user.email=a@b commit -q -m x && "
          "git archive --prefix=skill-1/ -o ../a.tar.gz HEAD && git archive --prefix=skill-1/ -o ../b.zip HEAD"));
  expect_same("a.tar.gz");
  expect_same("b.zip");
}

struct Format {
  const char* name;
  int (*set)(archive*);
};

TEST_F(ArchiveTools, ReadsWhatLibarchiveWrites) {
  const Utf8Locale locale;
  const std::map<std::string, std::string> files{
      {"SKILL.md", "hello"}, {"d/run", "#!x"}, {"d/" + std::string(150, 'n'), "1"}};
  for (const Format format :
       {Format{"pax", archive_write_set_format_pax}, Format{"pax restricted", archive_write_set_format_pax_restricted},
        Format{"gnutar", archive_write_set_format_gnutar}, Format{"zip", archive_write_set_format_zip}}) {
    std::string bytes(1u << 20, '\0');
    std::size_t used = 0;
    archive* const writer = archive_write_new();
    format.set(writer);
    archive_write_set_bytes_per_block(writer, 512);
    ASSERT_EQ(archive_write_open_memory(writer, bytes.data(), bytes.size(), &used), ARCHIVE_OK);
    for (const auto& [path, body] : files) {
      archive_entry* const entry = archive_entry_new();
      archive_entry_set_pathname(entry, path.c_str());
      archive_entry_set_size(entry, static_cast<la_int64_t>(body.size()));
      archive_entry_set_filetype(entry, AE_IFREG);
      archive_entry_set_perm(entry, 0644);
      ASSERT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
      archive_write_data(writer, body.data(), body.size());
      archive_entry_free(entry);
    }
    archive_write_close(writer);
    archive_write_free(writer);
    bytes.resize(used);
    const auto package = import(bytes);
    ASSERT_TRUE(package.has_value()) << format.name << ": " << package.error().message;
    for (const auto& [path, body] : files) {
      EXPECT_EQ(read_file(*package, path, 100).value(), body) << format.name;
    }
  }
}

TEST_F(ArchiveTools, LibarchiveSeesTheSameTreeInWhatIsAccepted) {
  ZipMemberSpec streamed{.name = "streamed", .body = "1", .descriptor = true};
  ZipMemberSpec large{.name = "large", .body = std::string(100'000, 'l'), .zip64 = true};
  const std::string as_tar = tar({tar_directory("d"), tar_pax({{"path", "d/long"}}), tar_file("x", "pax"),
                                  tar_file("./SKILL.md", "hello"), tar_file("z", std::string(512, 'z'))});
  for (const std::string& archive :
       {as_tar, gzip(as_tar), zstd(as_tar), zip({streamed, large, {.name = "a", .body = "2"}})}) {
    const auto package = import(archive);
    ASSERT_TRUE(package.has_value()) << package.error().message;
    Tree ours;
    for (const PackageEntry& entry : package->entries) {
      ours[plain_path(entry.path, entry.directory)] =
          entry.directory ? "" : read_file(*package, entry.path, 1u << 20).value();
    }
    EXPECT_EQ(ours, read_with_libarchive(archive));
  }
}

}  // namespace
}  // namespace skill_verifier::skill
