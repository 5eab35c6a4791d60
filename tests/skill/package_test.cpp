#include "skill_verifier/skill/package.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "skill/archive_builder.hpp"
#include "skill/package_fixture.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {
namespace {

using namespace std::string_literals;

class ImportArchive : public PackageTest {};

std::string digest_line(const std::string& path, const std::string& body) {
  return core::sha256_hex(body) + "  " + path + "\n";
}

TEST_F(ImportArchive, WritesThePackFormatToTheLetter) {
  const auto package = import(tar({tar_file("b/run.sh", "#!x", 0755), tar_file("SKILL.md", "hello")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(slurp(pack()),
            "SVPACK1\n"
            "F\0\0\x08\0\0\0\0\0\0\0\x05SKILL.mdhello"
            "D\0\0\x01\0\0\0\0\0\0\0\0b"
            "F\x01\0\x08\0\0\0\0\0\0\0\x03"
            "b/run.sh#!x"
            "E"s);
  EXPECT_EQ(package->pack_bytes, slurp(pack()).size());
  ASSERT_EQ(package->entries.size(), 3u);
  EXPECT_EQ(package->entries[0].offset, 28u);
  EXPECT_EQ(package->entries[0].sha256, core::sha256(core::as_bytes("hello")));
}

TEST_F(ImportArchive, ComputesTheTreeDigestOverSortedFiles) {
  const auto package =
      import(tar({tar_file("b", "2"), tar_file("a/c", "3"), tar_file("a-b", "1"), tar_directory("z")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(package->tree_digest,
            core::sha256_hex(digest_line("a-b", "1") + digest_line("a/c", "3") + digest_line("b", "2")));
}

TEST_F(ImportArchive, RecordsTheArchiveAsReceived) {
  const std::string archive = gzip(tar({tar_file("SKILL.md", "hello")}));
  const auto package = import(archive, {}, "dir/../My Skill.tar.gz");
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(package->archive_sha256, core::sha256_hex(archive));
  EXPECT_EQ(package->archive_name, "My Skill.tar.gz");
  EXPECT_EQ(import(archive, {}, "C:\\x\\s.zip")->archive_name, "s.zip");
  EXPECT_EQ(import(archive, {}, "a\nb")->archive_name, "archive");
  EXPECT_EQ(import(archive, {}, "")->archive_name, "archive");
  EXPECT_LE(import(archive, {}, std::string(250, 'n'))->archive_name.size(), 203u);
}

TEST_F(ImportArchive, EntersTheOneFolderThatHoldsTheManifest) {
  const auto package = import(tar({tar_directory("pkg/"), tar_file("pkg/SKILL.md", "x"), tar_file("pkg/d/a", "1"),
                                   tar_file("pkg/_meta.json", "{}"), tar_file("_meta.json", "{}"),
                                   tar_file("__MACOSX/pkg/._SKILL.md", "fork")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f SKILL.md\nd d\nf d/a\n");
  EXPECT_EQ(notes(*package), "folder_entered pkg\nentry_ignored __MACOSX\nentry_ignored _meta.json\n");
}

TEST_F(ImportArchive, FindsTheManifestByAnyOfItsNames) {
  for (const char* name : {"SKILL.md", "skill.md", "Skill.MD", "skills.md"}) {
    const auto package = import(tar({tar_file("p/"s + name, "x")}));
    ASSERT_TRUE(package.has_value()) << package.error().message;
    EXPECT_EQ(listing(*package), "f "s + name + "\n");
  }
}

TEST_F(ImportArchive, StaysAtTheRootWhereNoFolderIsTheOnlyChoice) {
  EXPECT_EQ(listing(*import(tar({tar_file("SKILL.md", "x"), tar_file("p/SKILL.md", "y")}))),
            "f SKILL.md\nd p\nf p/SKILL.md\n");
  EXPECT_EQ(listing(*import(tar({tar_file("README", "x"), tar_file("p/SKILL.md", "y")}))),
            "f README\nd p\nf p/SKILL.md\n");
  EXPECT_EQ(listing(*import(tar({tar_file("p/SKILL.md", "x"), tar_file("q/SKILL.md", "y")}))),
            "d p\nf p/SKILL.md\nd q\nf q/SKILL.md\n");
  EXPECT_EQ(listing(*import(tar({tar_file("p/README", "x")}))), "d p\nf p/README\n");
  EXPECT_EQ(listing(*import(tar({tar_file("p/q/SKILL.md", "x")}))), "d p\nd p/q\nf p/q/SKILL.md\n");
  EXPECT_EQ(listing(*import(tar({tar_directory("p/SKILL.md/"), tar_file("p/a", "x")}))), "d p\nd p/SKILL.md\nf p/a\n");
}

TEST_F(ImportArchive, LeavesOutWhatIsNotPartOfASkill) {
  const auto package =
      import(tar({tar_file("SKILL.md", "x"), tar_file(".clawhub/origin.json", "1"), tar_file(".clawdhub/lock", "1"),
                  tar_file(".git/config", "1"), tar_file(".git/HEAD", "1"), tar_file("lib/.git", "gitdir: x"),
                  tar_file("lib/.DS_Store", "1"), tar_file("lib/_meta.json", "kept"), tar_file(".gitignore", "kept")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f .gitignore\nf SKILL.md\nd lib\nf lib/_meta.json\n");
  EXPECT_EQ(notes(*package),
            "entry_ignored .clawdhub\nentry_ignored .clawhub\nentry_ignored .git\n"
            "entry_ignored lib/.DS_Store\nentry_ignored lib/.git\n");
}

TEST_F(ImportArchive, ChecksNamesAlsoOfWhatIsLeftOut) {
  EXPECT_EQ(refusal(tar({tar_file("SKILL.md", "x"), tar_file(".git/../../x", "1")}), ".git"), "archive_path_escapes");
  EXPECT_EQ(refusal(tar({tar_file(".git/a", "1"), tar_file(".git/A", "1")}), ".git/A"), "archive_case_duplicate");
}

TEST_F(ImportArchive, RepairsTheModeOfScripts) {
  const auto package = import(tar({tar_file("lost.sh", "#!/bin/sh\n"), tar_file("kept.sh", "#!/bin/sh\n", 0755),
                                   tar_file("binary",
                                            "\x7f"
                                            "ELF",
                                            0755),
                                   tar_file("text", " #!", 0644), tar_file("group", "x", 0611)}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "x binary\nf group\nx kept.sh\nx lost.sh\nf text\n");
  EXPECT_EQ(notes(*package), "mode_repaired lost.sh\n");
}

TEST_F(ImportArchive, BoundsCountsSizesAndPathsAtTheirLimits) {
  PackageLimits limits;
  limits.files = 2;
  limits.file_bytes = 4;
  limits.expanded_bytes = 6;
  limits.depth = 2;
  limits.path_bytes = 8;
  const auto at_limit = tar({tar_file("d/a", "1234"), tar_file("12345678", "56"), tar_directory("e/")});
  EXPECT_EQ(refusal(at_limit, {}, limits), "accepted");
  EXPECT_EQ(refusal(tar({tar_file("a", "1"), tar_file("b", "2"), tar_file("c", "3")}), "'c'", limits),
            "archive_too_many_files");
  EXPECT_EQ(
      refusal(tar({tar_file("a", "1"), tar_directory("b"), tar_directory("c"), tar_directory("d")}), "'d'", limits),
      "archive_too_many_files");
  EXPECT_EQ(refusal(tar({tar_file("a", "12345")}), "'a'", limits), "archive_file_too_large");
  EXPECT_EQ(refusal(tar({tar_file("a", "1234"), tar_file("b", "123")}), "'b'", limits), "archive_too_large");
  EXPECT_EQ(refusal(tar({tar_file("a/b/c", "1")}), "a/b/c", limits), "archive_too_deep");
  EXPECT_EQ(refusal(tar({tar_file("1/2/3/4", "1")}), "1/2/3/4", limits), "archive_too_deep");
  EXPECT_EQ(refusal(tar({tar_file("123456789", "1")}), "123456789", limits), "archive_path_too_long");
}

TEST_F(ImportArchive, CountsOnlyWhatIsInsideTheEnteredFolder) {
  PackageLimits limits;
  limits.files = 2;
  limits.depth = 2;
  limits.path_bytes = 8;
  EXPECT_EQ(refusal(tar({tar_file("folder-x/SKILL.md", "x"), tar_file("folder-x/a/b", "1"),
                         tar_file("folder-x/_meta.json", "1"), tar_file("folder-x/.clawhub/a", "1")}),
                    {}, limits),
            "accepted");
}

TEST_F(ImportArchive, BoundsTheNumberOfIgnoredEntries) {
  PackageLimits limits;
  limits.files = 2;
  std::vector<std::string> members{tar_file("SKILL.md", "x")};
  members.reserve(17);
  for (int i = 0; i < 16; ++i) {
    members.push_back(tar_file(".git/" + std::to_string(i), "x"));
  }
  EXPECT_EQ(refusal(tar(members), ".git/15", limits), "archive_too_many_files");
}

TEST_F(ImportArchive, BoundsTheBytesOfIgnoredEntries) {
  PackageLimits limits;
  limits.expanded_bytes = 1000;
  EXPECT_EQ(refusal(tar({tar_file("SKILL.md", "x"), tar_file(".git/a", std::string(900, 'a')),
                         tar_file(".git/b", std::string(101, 'b'))}),
                    ".git/b", limits),
            "archive_too_large");
}

TEST_F(ImportArchive, RefusesAnArchiveAboveItsOwnLimit) {
  PackageLimits limits;
  limits.archive_bytes = 2047;
  EXPECT_EQ(refusal(tar({tar_file("a", "1")}), "2048", limits), "archive_too_large");
}

TEST_F(ImportArchive, StopsABombWhileExpanding) {
  std::vector<std::string> members;
  members.reserve(6);
  for (int i = 0; i < 6; ++i) {
    members.push_back(tar_file("zeros" + std::to_string(i), std::string(10u << 20, '\0')));
  }
  const std::string bomb = gzip(tar(members));
  ASSERT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(refusal(bomb, "zeros5"), "archive_too_large");
}

TEST_F(ImportArchive, SaysThatTheArchiveIsMissingWithoutItsPath) {
  const auto package = import_archive(dir() / "none", "x", pack(), {});
  ASSERT_FALSE(package.has_value());
  EXPECT_EQ(package.error().code, Errc::not_found);
  EXPECT_EQ(package.error().message.find(dir().string()), std::string::npos);
}

TEST_F(ImportArchive, DoesNotFollowALinkToTheArchive) {
  put("real", tar({tar_file("a", "1")}));
  std::filesystem::create_symlink(dir() / "real", dir() / "link");
  EXPECT_FALSE(import_archive(dir() / "link", "x", pack(), {}).has_value());
}

TEST_F(ImportArchive, ReportsAPackThatCannotBeWrittenAsOurFault) {
  put("archive", tar({tar_file("a", "1")}));
  const auto package = import_archive(dir() / "archive", "x", dir() / "missing" / "a.pack", {});
  ASSERT_FALSE(package.has_value());
  EXPECT_EQ(package.error().id, "io_error");
  EXPECT_EQ(package.error().code, Errc::internal);
  EXPECT_EQ(package.error().message.find(dir().string()), std::string::npos);
}

long peak_rss_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  }
  return 0;
}

/// Writes a tar.gz or tar of `count` files of 10 MiB without holding it in memory.
void write_large_tar(const std::filesystem::path& path, int count) {
  std::ofstream out(path, std::ios::binary);
  for (int i = 0; i < count; ++i) {
    TarMember member;
    member.name = "file" + std::to_string(i);
    member.size_field = "00050000000";
    out << tar_member(member);
    const std::string piece(1u << 16, static_cast<char>('a' + i));
    for (int j = 0; j < 160; ++j) {
      out << piece;
    }
  }
  out << tar_end();
}

TEST_F(ImportArchive, NeedsLittleMemoryForFiftyMegabytes) {
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer's shadow memory would be measured";
#endif
  write_large_tar(dir() / "archive", 4);
  PackageLimits limits;
  ASSERT_TRUE(import_archive(dir() / "archive", "warm-up", pack(), limits).has_value());
  std::ofstream("/proc/self/clear_refs") << "5";
  const long before = peak_rss_kib();
  write_large_tar(dir() / "archive", 5);
  limits.archive_bytes += 1u << 20;  // the headers
  const auto package = import_archive(dir() / "archive", "large.tar", pack(), limits);
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(package->content_bytes, 50u << 20);
  EXPECT_LT(peak_rss_kib() - before, 8 * 1024);
}

class OpenPack : public PackageTest {
 protected:
  std::string id_of(std::string_view bytes) const {
    put("out/b.pack", bytes);
    auto package = open_pack(dir() / "out" / "b.pack");
    if (package) return "accepted";
    EXPECT_EQ(package.error().code, Errc::internal);
    EXPECT_EQ(package.error().message.find(dir().string()), std::string::npos);
    return package.error().id;
  }
  static std::string entry(char type, char executable, std::string_view path, std::string_view body) {
    return std::string{type, executable, 0, static_cast<char>(path.size()), 0, 0, 0, 0,
                       0,    0,          0, static_cast<char>(body.size())} +
           std::string(path) + std::string(body);
  }
  static inline const std::string kMagic = "SVPACK1\n";
};

TEST_F(OpenPack, GivesBackWhatImportGave) {
  const auto imported = import(tar({tar_file("SKILL.md", "hello"), tar_file("d/run", "#!x"), tar_directory("e")}));
  ASSERT_TRUE(imported.has_value()) << imported.error().message;
  const auto opened = open_pack(pack());
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_EQ(opened->tree_digest, imported->tree_digest);
  EXPECT_EQ(opened->pack_bytes, imported->pack_bytes);
  EXPECT_EQ(opened->content_bytes, imported->content_bytes);
  EXPECT_EQ(opened->pack, imported->pack);
  EXPECT_FALSE(opened->archive_sha256.has_value());
  ASSERT_EQ(opened->entries.size(), imported->entries.size());
  for (std::size_t i = 0; i < opened->entries.size(); ++i) {
    const PackageEntry &a = opened->entries[i], &b = imported->entries[i];
    EXPECT_EQ(std::tie(a.path, a.directory, a.executable, a.size, a.offset, a.sha256),
              std::tie(b.path, b.directory, b.executable, b.size, b.offset, b.sha256));
  }
}

TEST_F(OpenPack, NoticesEveryChangedByte) {
  const auto imported = import(tar({tar_file("SKILL.md", "hello"), tar_file("d/run", "#!x")}));
  ASSERT_TRUE(imported.has_value());
  const std::string bytes = slurp(pack());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] ^= 1;
    put("out/b.pack", damaged);
    const auto opened = open_pack(dir() / "out" / "b.pack");
    // The executable flag is the only byte that may change within the rules without changing the digest.
    const bool mode_changed = opened && listing(*opened) != listing(*imported);
    EXPECT_TRUE(!opened || opened->tree_digest != imported->tree_digest || mode_changed) << "byte " << at;
  }
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(id_of(bytes.substr(0, length)), "pack_corrupt") << length;
  }
  EXPECT_EQ(id_of(bytes + "x"), "pack_corrupt");
}

TEST_F(OpenPack, RefusesEntriesThatImportWouldNeverWrite) {
  EXPECT_EQ(id_of(kMagic + entry('F', 0, "a", "1") + "E"), "accepted");
  EXPECT_EQ(id_of(kMagic + entry('F', 0, "../a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('F', 0, "/a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('F', 0, "./a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('F', 0, "a", "1") + entry('F', 0, "a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('F', 0, "b", "1") + entry('F', 0, "a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('F', 0, "d/a", "1") + "E"), "pack_corrupt") << "no directory";
  EXPECT_EQ(id_of(kMagic + entry('F', 0, "d", "1") + entry('F', 0, "d/a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('D', 1, "d", "") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('D', 0, "d", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('F', 2, "a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of(kMagic + entry('L', 0, "a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(id_of("SVPACK2\n" + entry('F', 0, "a", "1") + "E"), "pack_corrupt");
  EXPECT_EQ(open_pack(dir() / "none").error().id, "pack_corrupt");
}

class ReadFile : public PackageTest {};

TEST_F(ReadFile, ReadsOnlyFilesAndOnlyUpToTheLimit) {
  const auto package = import(tar({tar_file("d/a", "hello"), tar_file("empty", "")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(read_file(*package, "d/a", 5).value(), "hello");
  EXPECT_EQ(read_file(*package, "empty", 0).value(), "");
  EXPECT_EQ(read_file(*package, "d/a", 4).error().id, "file_too_large");
  EXPECT_EQ(read_file(*package, "d/a", 4).error().code, Errc::too_large);
  EXPECT_EQ(read_file(*package, "d", 9).error().code, Errc::not_found);
  EXPECT_EQ(read_file(*package, "d/b", 9).error().code, Errc::not_found);
  EXPECT_EQ(read_file(*package, "../etc/passwd", 9).error().code, Errc::not_found);
}

TEST_F(ReadFile, SaysThatThePackIsGone) {
  const auto package = import(tar({tar_file("a", "hello")}));
  ASSERT_TRUE(package.has_value());
  std::filesystem::resize_file(pack(), 20);
  EXPECT_EQ(read_file(*package, "a", 10).error().id, "pack_corrupt");
  std::filesystem::remove(pack());
  EXPECT_EQ(read_file(*package, "a", 10).error().id, "pack_corrupt");
}

}  // namespace
}  // namespace skill_verifier::skill
