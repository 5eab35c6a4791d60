#include <gtest/gtest.h>

#include <string>

#include "skill/archive_builder.hpp"
#include "skill/package_fixture.hpp"

namespace skill_verifier::skill {
namespace {

using namespace std::string_literals;

ZipMemberSpec file(std::string name, std::string body) {
  ZipMemberSpec member;
  member.name = std::move(name);
  member.body = std::move(body);
  return member;
}
ZipMemberSpec directory(std::string name) {
  ZipMemberSpec member = file(std::move(name), "");
  member.deflate = false;
  member.attributes = 040755u << 16 | 0x10;
  return member;
}

class ZipImport : public PackageTest {
 protected:
  /// A valid zip with this member between two others.
  std::string refusal_of(const ZipMemberSpec& member, std::string_view entry, const PackageLimits& limits = {}) const {
    return refusal(zip({file("SKILL.md", "x"), member, file("z", "last")}), entry, limits);
  }
};

TEST_F(ZipImport, ReadsStoredAndDeflatedMembersWithModes) {
  ZipMemberSpec script = file("scripts/run", "echo");
  script.attributes = 0100755u << 16;
  ZipMemberSpec stored = file("SKILL.md", "hello");
  stored.deflate = false;
  const auto package = import(zip({directory("scripts/"), script, stored, file("big", std::string(300'000, 'b'))}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f SKILL.md\nf big\nd scripts\nx scripts/run\n");
  EXPECT_EQ(read_file(*package, "SKILL.md", 100).value(), "hello");
  EXPECT_EQ(read_file(*package, "big", 1u << 20).value(), std::string(300'000, 'b'));
}

TEST_F(ZipImport, ReadsEmptyFilesAndDeflatedDirectories) {
  ZipMemberSpec folder = directory("d/");
  folder.deflate = true;
  const auto package = import(zip({file("empty", ""), folder}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "d d\nf empty\n");
}

TEST_F(ZipImport, ReadsDataDescriptorsInAllFourForms) {
  for (const bool signature : {false, true}) {
    for (const bool zip64 : {false, true}) {
      ZipMemberSpec member = file("SKILL.md", "hello");
      member.descriptor = true;
      member.descriptor_signature = signature;
      member.zip64 = zip64;
      EXPECT_EQ(refusal(zip({member, file("b", "1")})), "accepted") << signature << zip64;
    }
  }
}

TEST_F(ZipImport, ReadsZip64) {
  ZipMemberSpec member = file("SKILL.md", "hello");
  member.zip64 = true;
  ZipTail tail;
  tail.zip64 = true;
  const auto package = import(zip({member}, tail));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(read_file(*package, "SKILL.md", 100).value(), "hello");
}

TEST_F(ZipImport, ReadsACommentAtTheEnd) {
  ZipTail tail;
  tail.comment = "0123456789012345678901234567890123456789";
  EXPECT_EQ(refusal(zip({file("SKILL.md", "x")}, tail)), "accepted");
}

TEST_F(ZipImport, ReadsAZipInsideAZip) {
  ZipMemberSpec inner = file("inner.zip", zip({file("a", "1")}));
  inner.deflate = false;
  EXPECT_EQ(refusal(zip({file("SKILL.md", "x"), inner})), "accepted");
}

TEST_F(ZipImport, ReadsMembersWithoutUnixModes) {
  ZipMemberSpec member = file("SKILL.md", "x");
  member.made_by = 20;
  member.attributes = 0x20;
  ZipMemberSpec folder = directory("d/");
  folder.made_by = 20;
  folder.attributes = 0x10;
  const auto package = import(zip({member, folder}));
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f SKILL.md\nd d\n");
}

TEST_F(ZipImport, KeepsTheBytesOfAUtf8Name) {
  ZipMemberSpec member = file("e\xcc\x81.md", "x");
  for (const std::uint16_t flags : {std::uint16_t{0}, std::uint16_t{1 << 11}}) {
    member.flags = flags;
    const auto package = import(zip({member}));
    ASSERT_TRUE(package.has_value()) << package.error().message;
    EXPECT_EQ(listing(*package), "f e\xcc\x81.md\n");
  }
}

TEST_F(ZipImport, RefusesANameInADosCodePage) {
  ZipMemberSpec member = file("caf\x82.md", "x");
  EXPECT_EQ(refusal_of(member, "caf"), "archive_path_invalid") << "not UTF-8";
  member = file("caf\xc3\xa9.md", "x");
  member.made_by = 20;
  EXPECT_EQ(refusal_of(member, "caf"), "archive_path_invalid") << "UTF-8 by chance";
  member.flags = 1 << 11;
  EXPECT_EQ(refusal_of(member, ""), "accepted");
  member.flags = 0;
  member.extra = zip_extra(0x7075, "\x01????"s + member.name);
  EXPECT_EQ(refusal_of(member, ""), "accepted");
}

TEST_F(ZipImport, RefusesASecondNameInAnExtraField) {
  ZipMemberSpec member = file("a", "x");
  member.extra = zip_extra(0x7075, "\x01????other"s);
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
}

TEST_F(ZipImport, RefusesEncryption) {
  ZipMemberSpec member = file("secret", "x");
  member.flags = 1;
  EXPECT_EQ(refusal_of(member, "secret"), "archive_encrypted");
  member.flags = 1 << 13;
  EXPECT_EQ(refusal_of(member, "secret"), "archive_encrypted");
  member.flags = 0;
  member.method = 99;
  EXPECT_EQ(refusal_of(member, "secret"), "archive_encrypted");
}

TEST_F(ZipImport, RefusesOtherMethodsAndFeatures) {
  ZipMemberSpec member = file("packed", "x");
  member.method = 14;
  EXPECT_EQ(refusal_of(member, "packed"), "archive_unsupported");
  member.method.reset();
  member.flags = 1 << 5;
  EXPECT_EQ(refusal_of(member, "packed"), "archive_unsupported");
  ZipTail tail;
  tail.disk = 1;
  EXPECT_EQ(refusal(zip({file("a", "1")}, tail), "split"), "archive_unsupported");
}

TEST_F(ZipImport, RefusesLinksAndSpecialFilesWhateverHostMadeThem) {
  for (const std::uint16_t made_by : {std::uint16_t{3 << 8 | 20}, std::uint16_t{20}}) {
    ZipMemberSpec member = file("link", "/etc/passwd");
    member.made_by = made_by;
    member.attributes = 0120777u << 16;
    EXPECT_EQ(refusal_of(member, "link"), "archive_link");
    member.attributes = 0010644u << 16;
    EXPECT_EQ(refusal_of(member, "link"), "archive_special_file");
  }
}

TEST_F(ZipImport, RefusesUnsafeAndCollidingNames) {
  EXPECT_EQ(refusal_of(file("/abs", "1"), "/abs"), "archive_path_absolute");
  EXPECT_EQ(refusal_of(file("../up", "1"), "../up"), "archive_path_escapes");
  EXPECT_EQ(refusal_of(file("a\\b", "1"), "a"), "archive_path_backslash");
  EXPECT_EQ(refusal_of(file("a//b", "1"), "a//b"), "archive_path_empty_segment");
  EXPECT_EQ(refusal_of(file("a\0b"s, "1"), "a"), "archive_path_invalid");
  EXPECT_EQ(refusal_of(file("", "1"), ""), "archive_path_invalid");
  EXPECT_EQ(refusal_of(file("SKILL.md", "1"), "SKILL.md"), "archive_duplicate_path");
  EXPECT_EQ(refusal_of(file("skill.MD", "1"), "skill.MD"), "archive_case_duplicate");
  EXPECT_EQ(refusal_of(file("SKILL.md/x", "1"), "SKILL.md"), "archive_path_conflict");
  EXPECT_EQ(refusal_of(directory("SKILL.md/"), "SKILL.md"), "archive_path_conflict");
}

TEST_F(ZipImport, RefusesANameAndAModeThatDisagreeAboutDirectories) {
  ZipMemberSpec member = file("d/", "");
  EXPECT_EQ(refusal_of(member, "d/"), "archive_unreadable");
  member = file("f", "x");
  member.attributes = 040755u << 16;
  EXPECT_EQ(refusal_of(member, "'f'"), "archive_unreadable");
  member.attributes = 0100644u << 16 | 0x10;
  EXPECT_EQ(refusal_of(member, "'f'"), "archive_unreadable");
  member = directory("d/");
  member.body = "data";
  EXPECT_EQ(refusal_of(member, "d/"), "archive_unreadable");
}

TEST_F(ZipImport, RefusesHeadersThatDisagreeWithTheDirectory) {
  ZipMemberSpec member = file("a", "hello");
  member.local_name = "b";
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
  member = file("a", "hello");
  member.local_size = 4;
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
  member = file("a", "hello");
  member.local_flags = 1 << 11;
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
}

TEST_F(ZipImport, RefusesBytesThatNoMemberOwns) {
  ZipMemberSpec member = file("a", "hello");
  member.gap = "hidden";
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
  member.descriptor = true;
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
  member.gap = std::string(100, '\0');
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
  ZipTail tail;
  tail.prefix = "#!/bin/sh\n";
  EXPECT_EQ(refusal(zip({file("a", "1")}, tail)), "archive_unsupported") << "does not begin as a zip";
  tail.prefix = "PK\x03\x04 something before";
  EXPECT_EQ(refusal(zip({file("a", "1")}, tail)), "archive_unreadable");
  tail = {};
  tail.after = "x";
  EXPECT_EQ(refusal(zip({file("a", "1")}, tail)), "archive_unreadable");
  tail = {};
  tail.before_end = "x";
  EXPECT_EQ(refusal(zip({file("a", "1")}, tail)), "archive_unreadable");
}

TEST_F(ZipImport, RefusesASecondEndRecordInTheComment) {
  const std::string other = zip({file("b", "2")});
  ZipTail tail;
  tail.comment = other.substr(other.size() - 22);
  EXPECT_EQ(refusal(zip({file("a", "1")}, tail)), "archive_unreadable");
}

TEST_F(ZipImport, RefusesAWrongEntryCount) {
  ZipTail tail;
  tail.extra_entries = 1;
  EXPECT_EQ(refusal(zip({file("a", "1")}, tail)), "archive_unreadable");
  tail.extra_entries = -1;
  EXPECT_EQ(refusal(zip({file("a", "1"), file("b", "1")}, tail)), "archive_unreadable");
}

TEST_F(ZipImport, RefusesDamagedData) {
  ZipMemberSpec member = file("a", "hello");
  member.crc = 1;
  EXPECT_EQ(refusal_of(member, "CRC"), "archive_unreadable");
  member = file("a", "hello");
  member.deflate = false;
  member.crc = 1;
  EXPECT_EQ(refusal_of(member, "CRC"), "archive_unreadable");
  member = file("a", "hello");
  member.after_data = "tail";
  EXPECT_EQ(refusal_of(member, "after its deflate"), "archive_unreadable");
  member = file("a", "hello");
  member.deflate = false;
  member.method = 8;
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
}

TEST_F(ZipImport, RefusesAMemberThatExpandsToAnotherSize) {
  ZipMemberSpec member = file("bomb", std::string(1'000'000, '\0'));
  member.size = 10;
  EXPECT_EQ(refusal_of(member, "bomb"), "archive_unreadable");
  member.size = 1'000'001;
  EXPECT_EQ(refusal_of(member, "bomb"), "archive_unreadable");
  member = file("stored", "hello");
  member.deflate = false;
  member.size = 6;
  EXPECT_EQ(refusal_of(member, "stored"), "archive_unreadable");
}

TEST_F(ZipImport, RefusesAStoredMemberWithItsSizeBehindIt) {
  ZipMemberSpec member = file("a", "hello");
  member.deflate = false;
  member.descriptor = true;
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unsupported");
  member.body = "";
  EXPECT_EQ(refusal_of(member, "'a'"), "accepted");
}

TEST_F(ZipImport, RefusesMalformedExtraFields) {
  ZipMemberSpec member = file("a", "hello");
  member.extra = "abc";
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
  member.extra = zip_extra(7, "x").substr(0, 4);
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
  member.extra = zip_extra(0x7075, "\x01????a") + zip_extra(0x7075, "\x01????a");
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_unreadable");
  member.extra = zip_extra(0x9901, "AE12345");
  EXPECT_EQ(refusal_of(member, "'a'"), "archive_encrypted");
}

TEST_F(ZipImport, RefusesTooManyEntriesBeforeReadingThem) {
  PackageLimits limits;
  limits.files = 1;
  std::vector<ZipMemberSpec> members;
  for (int i = 0; i < 9; ++i) {
    members.push_back(file("f" + std::to_string(i), ""));
  }
  EXPECT_EQ(refusal(zip(members), "9 entries", limits), "archive_too_many_files");
}

TEST_F(ZipImport, RefusesAZipCutAtEveryByte) {
  const std::string whole = zip({file("SKILL.md", "hello"), file("b", "1")});
  for (std::size_t length = 4; length < whole.size(); ++length) {
    EXPECT_EQ(refusal(whole.substr(0, length)), "archive_unreadable") << length;
  }
}

TEST_F(ZipImport, NeverAcceptsAnotherTreeWhenOneByteChanges) {
  const std::string whole = zip({file("SKILL.md", "hello"), file("b", "1")});
  const std::string digest = import(whole).value().tree_digest;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 0x10;
    const auto package = import(damaged);
    if (package) EXPECT_EQ(package->tree_digest, digest) << "byte " << at;
  }
}

TEST_F(ZipImport, RefusesAnEmptyZip) {
  EXPECT_EQ(refusal(zip({})), "archive_empty");
}

}  // namespace
}  // namespace skill_verifier::skill
