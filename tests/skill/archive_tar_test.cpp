#include <gtest/gtest.h>

#include <string>

#include "skill/archive_builder.hpp"
#include "skill/package_fixture.hpp"

namespace skill_verifier::skill {
namespace {

using namespace std::string_literals;

class TarImport : public PackageTest {
 protected:
  /// A valid archive with one more member.
  std::string refusal_of(const std::string& member, std::string_view entry) const {
    return refusal(tar({tar_file("SKILL.md", "x"), member}), entry);
  }
  static std::string typed(std::string name, char type) {
    TarMember member;
    member.name = std::move(name);
    member.type = type;
    member.link_target = "/etc/passwd";
    return tar_member(member);
  }
};

TEST_F(TarImport, ReadsFilesDirectoriesAndModes) {
  const auto package = import(tar({tar_directory("scripts/"), tar_file("scripts/run.sh", "echo", 0755),
                                   tar_file("SKILL.md", "hello"), tar_directory("empty/")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f SKILL.md\nd empty\nd scripts\nx scripts/run.sh\n");
  EXPECT_EQ(read_file(*package, "SKILL.md", 100).value(), "hello");
  EXPECT_EQ(read_file(*package, "scripts/run.sh", 100).value(), "echo");
  EXPECT_EQ(package->content_bytes, 9u);
}

TEST_F(TarImport, TreatsDotSlashNamesAsPlainOnes) {
  const auto package = import(tar({tar_directory("./"), tar_file("./SKILL.md", "hello"), tar_directory("./a/")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f SKILL.md\nd a\n");
}

TEST_F(TarImport, ReadsOldAndGnuHeaders) {
  TarMember old;
  old.name = "old.txt";
  old.type = '\0';
  old.magic = std::string(8, '\0');
  TarMember gnu;
  gnu.name = "gnu.txt";
  gnu.magic = "ustar  \0"s;
  gnu.size_field = "\x80\0\0\0\0\0\0\0\0\0\0\x03"s;
  gnu.body = "abc";
  const auto package = import(tar({tar_member(old), tar_member(gnu)}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f gnu.txt\nf old.txt\n");
  EXPECT_EQ(read_file(*package, "gnu.txt", 100).value(), "abc");
}

TEST_F(TarImport, RefusesNumbersThatOthersStopAt) {
  TarMember member;
  member.name = "a";
  for (const std::size_t place : {108u, 116u, 136u, 329u, 337u}) {
    member.other = {place, "00\xd0\xcf"};
    EXPECT_EQ(refusal_of(tar_member(member), "'a'"), "archive_unreadable") << place;
    member.other = {place, "\xff\xff\xff\xff\xff\xff\xff\xfe"};
    EXPECT_EQ(refusal(tar({tar_member(member)})), "accepted") << place << ": before 1970, for a time";
  }
}

TEST_F(TarImport, JoinsPrefixAndName) {
  TarMember member;
  member.name = "name.txt";
  member.prefix = "some/folder";
  const auto package = import(tar({tar_member(member)}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "d some\nd some/folder\nf some/folder/name.txt\n");
}

TEST_F(TarImport, TakesLongNamesFromPaxAndGnuHeaders) {
  const std::string folder(120, 'd');
  TarMember long_name;
  long_name.name = "././@LongLink";
  long_name.type = 'L';
  long_name.body = folder + "/gnu\0"s;
  const auto package = import(tar({tar_pax({{"mtime", "1.5"}, {"path", folder + "/pax"}}), tar_file("short", "1"),
                                   tar_member(long_name), tar_file("short", "2")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "d " + folder + "\nf " + folder + "/gnu\nf " + folder + "/pax\n");
}

TEST_F(TarImport, KeepsTheBytesOfADecomposedPaxName) {
  const auto package = import(tar({tar_pax({{"path", "e\xcc\x81.txt"}}), tar_file("x", "1")}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f e\xcc\x81.txt\n");
}

TEST_F(TarImport, SkipsAGlobalHeaderThatOnlyComments) {
  EXPECT_EQ(refusal(tar({tar_pax({{"comment", "0123abcd"}}, 'g'), tar_file("a", "1")})), "accepted");
}

TEST_F(TarImport, AcceptsOneZeroBlockAndPaddingAtTheEnd) {
  EXPECT_EQ(refusal(tar_file("a", "1") + std::string(512, '\0')), "accepted");
  EXPECT_EQ(refusal(tar_file("a", "1") + std::string(10240, '\0')), "accepted");
  EXPECT_EQ(refusal(tar_file("a", "1") + std::string(700, '\0')), "accepted");
}

TEST_F(TarImport, RefusesLinks) {
  EXPECT_EQ(refusal_of(typed("hard", '1'), "hard"), "archive_link");
  EXPECT_EQ(refusal_of(typed("soft", '2'), "soft"), "archive_link");
}

TEST_F(TarImport, RefusesSpecialFiles) {
  EXPECT_EQ(refusal_of(typed("tty", '3'), "tty"), "archive_special_file");
  EXPECT_EQ(refusal_of(typed("disk", '4'), "disk"), "archive_special_file");
  EXPECT_EQ(refusal_of(typed("pipe", '6'), "pipe"), "archive_special_file");
  EXPECT_EQ(refusal_of(typed("holes", 'S'), "holes"), "archive_special_file");
  EXPECT_EQ(refusal_of(typed("label", 'V'), "label"), "archive_special_file");
  EXPECT_EQ(refusal_of(typed("part", 'M'), "part"), "archive_special_file");
  EXPECT_EQ(refusal_of(typed("odd", 'Z'), "odd"), "archive_special_file");
}

TEST_F(TarImport, RefusesPaxSparseFiles) {
  EXPECT_EQ(refusal_of(tar_pax({{"GNU.sparse.major", "1"}, {"path", "holes"}}) + tar_file("x", "1"), "holes"),
            "archive_special_file");
}

TEST_F(TarImport, RefusesUnsafeNamesInEveryPlaceThatHoldsOne) {
  EXPECT_EQ(refusal_of(tar_file("/abs", "1"), "/abs"), "archive_path_absolute");
  EXPECT_EQ(refusal_of(tar_file("a/../../b", "1"), "a/../../b"), "archive_path_escapes");
  EXPECT_EQ(refusal_of(tar_directory("../up/"), "../up/"), "archive_path_escapes");
  EXPECT_EQ(refusal_of(tar_file("a\\b", "1"), "a"), "archive_path_backslash");
  EXPECT_EQ(refusal_of(tar_file("a//b", "1"), "a//b"), "archive_path_empty_segment");
  EXPECT_EQ(refusal_of(tar_file("bad\xff", "1"), "bad"), "archive_path_invalid");
  EXPECT_EQ(refusal_of(tar_file("file/", "1"), "file/"), "archive_path_invalid");
  EXPECT_EQ(refusal_of(tar_file("", "1"), ""), "archive_path_invalid");
  EXPECT_EQ(refusal_of(tar_file(".", "1"), "."), "archive_path_invalid");
  EXPECT_EQ(refusal_of(tar_pax({{"path", "../x"}}) + tar_file("x", "1"), "../x"), "archive_path_escapes");
  EXPECT_EQ(refusal_of(tar_pax({{"path", "x\0y"s}}) + tar_file("x", "1"), "x"), "archive_path_invalid");
  EXPECT_EQ(refusal_of(tar_pax({{"path", "x\ny"}}) + tar_file("x", "1"), "x"), "archive_path_invalid");
}

TEST_F(TarImport, RefusesCollidingNames) {
  EXPECT_EQ(refusal_of(tar_file("SKILL.md", "y"), "SKILL.md"), "archive_duplicate_path");
  EXPECT_EQ(refusal_of(tar_file("./SKILL.md", "y"), "SKILL.md"), "archive_duplicate_path");
  EXPECT_EQ(refusal_of(tar_file("Skill.md", "y"), "Skill.md"), "archive_case_duplicate");
  EXPECT_EQ(refusal_of(tar_file("SKILL.md/x", "y"), "SKILL.md"), "archive_path_conflict");
  EXPECT_EQ(refusal_of(tar_directory("SKILL.md/"), "SKILL.md"), "archive_path_conflict");
}

TEST_F(TarImport, RefusesHeadersThatContradictEachOther) {
  EXPECT_EQ(refusal_of(tar_pax({{"size", "513"}}) + tar_file("two", "1"), "two"), "archive_unreadable");
  EXPECT_EQ(refusal_of(tar_pax({{"size", "1"}}) + tar_file("two", "1"), ""), "accepted");
  EXPECT_EQ(refusal_of(tar_pax({{"path", "a"}, {"path", "b"}}) + tar_file("x", "1"), "path"), "archive_unreadable");
  EXPECT_EQ(refusal_of(tar_pax({{"path", "a"}}) + tar_pax({{"path", "b"}}) + tar_file("x", "1"), "'x'"),
            "archive_unreadable");
  EXPECT_EQ(refusal_of(tar_pax({{"path", "a"}}, 'g') + tar_file("x", "1"), ""), "archive_unreadable");
  EXPECT_EQ(refusal_of(tar_pax({{"hdrcharset", "BINARY"}}) + tar_file("x", "1"), "BINARY"), "archive_unsupported");
  TarMember long_name;
  long_name.name = "././@LongLink";
  long_name.type = 'L';
  long_name.body = "other";
  EXPECT_EQ(refusal_of(tar_pax({{"path", "a"}}) + tar_member(long_name) + tar_file("x", "1"), "x"),
            "archive_unreadable");
  long_name.type = 'K';
  EXPECT_EQ(refusal_of(tar_member(long_name) + tar_file("x", "1"), "x"), "archive_unreadable");
  TarMember directory;
  directory.name = "d";
  directory.type = '5';
  directory.body = "data";
  EXPECT_EQ(refusal_of(tar_member(directory), "'d'"), "archive_unreadable");
}

TEST_F(TarImport, RefusesMalformedPaxRecords) {
  TarMember member;
  member.name = "PaxHeaders/x";
  member.type = 'x';
  for (const std::string& body : {"nonsense\n"s, "9 a=b\n"s, "99 path=x\n"s, "8 path=\n"s, "6 =abc\n"s, "4 a\n"s,
                                  "-1 a=b\n"s, "18446744073709551616 a=b\n"s, "6 a=bc"s, "11 size=-1\n"s}) {
    member.body = body;
    EXPECT_EQ(refusal_of(tar_member(member) + tar_file("x", "1"), ""), "archive_unreadable") << body;
  }
}

TEST_F(TarImport, RefusesDamagedHeaders) {
  std::string bad_sum = tar_file("b", "1");
  bad_sum[0] = 'c';
  EXPECT_EQ(refusal_of(bad_sum, "SKILL.md"), "archive_unreadable");
  TarMember member;
  member.name = "n";
  member.size_field = "0000000000x";
  EXPECT_EQ(refusal_of(tar_member(member), "'n'"), "archive_unreadable");
  member.size_field = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s;
  EXPECT_EQ(refusal_of(tar_member(member), "'n'"), "archive_unreadable") << "negative size";
  member.size_field.reset();
  member.magic = "ustarX00";
  EXPECT_EQ(refusal_of(tar_member(member), "'n'"), "archive_unsupported");
  member.magic = "ustar  \0"s;
  member.prefix = "0123";
  EXPECT_EQ(refusal_of(tar_member(member), "'n'"), "archive_unsupported") << "GNU incremental";
  member.prefix = std::string(140, '\0') + "00000001";
  EXPECT_EQ(refusal_of(tar_member(member), "'n'"), "archive_unsupported") << "real size of a GNU sparse file";
  member.magic = std::string(8, '\0');
  EXPECT_EQ(refusal_of(tar_member(member), "'n'"), "archive_unsupported") << "fields that an old header lacks";
}

TEST_F(TarImport, RefusesAHugeSizeBeforeReadingIt) {
  TarMember member;
  member.name = "huge";
  member.size_field = "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"s;
  EXPECT_EQ(refusal_of(tar_member(member), "huge"), "archive_file_too_large");
}

TEST_F(TarImport, RefusesAnArchiveThatEndsEarlyAtEveryByte) {
  const std::string whole = tar({tar_file("SKILL.md", "hello"), tar_file("b", "1")});
  const std::size_t end_marker = whole.size() - 1024;
  for (std::size_t length = 1; length < end_marker + 512; length += 37) {
    const std::string id = refusal(whole.substr(0, length));
    EXPECT_EQ(id, length < 512 ? "archive_unsupported" : "archive_unreadable") << length;
  }
  EXPECT_EQ(refusal(whole.substr(0, end_marker)), "archive_unreadable");
}

TEST_F(TarImport, RefusesDataAfterTheEnd) {
  const std::string whole = tar({tar_file("SKILL.md", "hello")});
  EXPECT_EQ(refusal(whole + "x"), "archive_unreadable");
  EXPECT_EQ(refusal(whole + whole), "archive_unreadable");
  EXPECT_EQ(refusal(tar_file("a", "1") + std::string(512, '\0') + tar_file("b", "1") + tar_end()),
            "archive_unreadable");
}

TEST_F(TarImport, RefusesAnExtendedHeaderWithoutAnEntry) {
  EXPECT_EQ(refusal(tar({tar_file("a", "1"), tar_pax({{"path", "b"}})})), "archive_unreadable");
}

TEST_F(TarImport, BoundsExtendedHeaders) {
  EXPECT_EQ(refusal_of(tar_pax({{"comment", std::string(70'000, 'c')}}) + tar_file("x", "1"), ""), "archive_too_large");
  std::string many;
  for (int i = 0; i < 200; ++i) {
    many += tar_pax({{"comment", "c"}}, 'g');
  }
  EXPECT_EQ(refusal_of(many + tar_file("x", "1"), ""), "archive_too_large");
}

TEST_F(TarImport, RefusesMegabytesOfPadding) {
  EXPECT_EQ(refusal(gzip(tar({tar_file("a", "1")}) + std::string(2u << 20, '\0'))), "archive_too_large");
}

TEST_F(TarImport, RefusesWhatIsNoArchive) {
  EXPECT_EQ(refusal(""), "archive_empty");
  EXPECT_EQ(refusal(tar_end()), "archive_empty");
  EXPECT_EQ(refusal(tar({tar_directory("only")})), "archive_empty");
  EXPECT_EQ(refusal("---\nname: x\n---\n"), "archive_unsupported");
  EXPECT_EQ(refusal(std::string(2000, 'x')), "archive_unsupported");
  EXPECT_EQ(refusal("7z\xBC\xAF\x27\x1C"s, "7-Zip"), "archive_unsupported");
  EXPECT_EQ(refusal("Rar!\x1A\x07"s, "RAR"), "archive_unsupported");
  EXPECT_EQ(refusal("BZh91AY"s, "bzip2"), "archive_unsupported");
  EXPECT_EQ(refusal("\xFD"
                    "7zXZ\0\0"s,
                    "xz"),
            "archive_unsupported");
  EXPECT_EQ(refusal(gzip("just text"), "tar"), "archive_unsupported");
  EXPECT_EQ(refusal(zstd(std::string(600, 'y')), "tar"), "archive_unsupported");
}

TEST_F(TarImport, ReadsATarWhoseFirstNameLooksLikeAnotherFormat) {
  EXPECT_EQ(refusal(tar({tar_file("BZh.txt", "1")})), "accepted");
}

TEST_F(TarImport, ReadsGzipAndZstd) {
  const std::string plain = tar({tar_file("SKILL.md", "hello"), tar_file("big", std::string(300'000, 'z'))});
  const auto as_tar = import(plain);
  const auto as_gzip = import(gzip(plain));
  const auto as_zstd = import(zstd(plain));
  const auto as_wide_zstd = import(zstd(plain, 23));
  ASSERT_TRUE(as_tar && as_gzip && as_zstd && as_wide_zstd);
  EXPECT_EQ(as_gzip->tree_digest, as_tar->tree_digest);
  EXPECT_EQ(as_zstd->tree_digest, as_tar->tree_digest);
  EXPECT_EQ(as_wide_zstd->tree_digest, as_tar->tree_digest);
}

TEST_F(TarImport, RefusesMoreThanOneGzipMemberOrZstdFrame) {
  const std::string plain = tar({tar_file("SKILL.md", "hello")});
  EXPECT_EQ(refusal(gzip(plain) + gzip(plain)), "archive_unreadable");
  EXPECT_EQ(refusal(gzip(plain) + "garbage"), "archive_unreadable");
  EXPECT_EQ(refusal(gzip(plain) + std::string(100'000, '\0')), "accepted");
  EXPECT_EQ(refusal(gzip(plain) + std::string(100'000, '\0') + "x"), "archive_unreadable");
  EXPECT_EQ(refusal(zstd(plain) + zstd(plain)), "archive_unreadable");
  EXPECT_EQ(refusal(zstd(plain) + std::string(10, '\0')), "accepted");
}

TEST_F(TarImport, ChecksTheSumsOfCompressedData) {
  std::string compressed = gzip(tar({tar_file("SKILL.md", "hello")}));
  for (const std::size_t from_end : {8u, 4u}) {
    std::string damaged = compressed;
    damaged[damaged.size() - from_end] ^= 1;
    EXPECT_EQ(refusal(damaged, "gzip"), "archive_unreadable");
  }
  std::string damaged = zstd(tar({tar_file("SKILL.md", "hello")}));
  damaged.back() ^= 1;
  EXPECT_EQ(refusal(damaged, "zstd"), "archive_unreadable");
}

TEST_F(TarImport, RefusesCompressedDataThatEndEarly) {
  const std::string plain = tar({tar_file("SKILL.md", "hello")});
  const std::string as_gzip = gzip(plain), as_zstd = zstd(plain);
  for (std::size_t cut = 1; cut < 12; ++cut) {
    EXPECT_EQ(refusal(as_gzip.substr(0, as_gzip.size() - cut)), "archive_unreadable") << cut;
    EXPECT_EQ(refusal(as_zstd.substr(0, as_zstd.size() - cut)), "archive_unreadable") << cut;
  }
}

TEST_F(TarImport, RefusesAZstdWindowAboveEightMebibytes) {
  EXPECT_EQ(refusal(zstd(tar({tar_file("SKILL.md", std::string(100'000, 'a'))}), 25), "window"), "archive_unsupported");
}

}  // namespace
}  // namespace skill_verifier::skill
