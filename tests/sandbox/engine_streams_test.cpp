#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sandbox/engine.hpp"

namespace skill_verifier::sandbox {
namespace {

std::string frame(char stream, const std::string& payload) {
  std::string text = {stream, 0, 0, 0};
  for (int shift = 24; shift >= 0; shift -= 8)
    text += static_cast<char>(payload.size() >> shift & 0xff);
  return text + payload;
}

/// What the sink got, streams apart.
struct Sorted {
  std::string out;
  std::string err;
  StdStreams::Sink sink() {
    return [this](StdStreams::Source source, ByteView bytes) {
      (source == StdStreams::Source::out ? out : err) += core::as_text(bytes);
    };
  }
};

TEST(StdStreams, TakesFramesApartHoweverTheyArrive) {
  const std::string text = frame(1, "hello ") + frame(2, "oops") + frame(1, "") + frame(1, std::string(300, 'x'));
  for (std::size_t step = 1; step <= text.size(); ++step) {
    StdStreams streams;
    Sorted sorted;
    for (std::size_t at = 0; at < text.size(); at += step) {
      ASSERT_TRUE(streams.feed(core::as_bytes(std::string_view(text).substr(at, step)), sorted.sink()));
    }
    EXPECT_EQ(sorted.out, "hello " + std::string(300, 'x'));
    EXPECT_EQ(sorted.err, "oops");
    EXPECT_TRUE(streams.at_boundary());
  }
}

TEST(StdStreams, HandsOnAPayloadBeforeItIsComplete) {
  StdStreams streams;
  Sorted sorted;
  const std::string text = frame(1, std::string(1000, 'x')).substr(0, 18);
  ASSERT_TRUE(streams.feed(core::as_bytes(text), sorted.sink()));
  EXPECT_EQ(sorted.out.size(), 10u);
  EXPECT_FALSE(streams.at_boundary());
}

TEST(StdStreams, KnowsThatAnEndInsideAHeaderIsACut) {
  StdStreams streams;
  Sorted sorted;
  EXPECT_TRUE(streams.at_boundary());
  ASSERT_TRUE(streams.feed(core::as_bytes(frame(1, "x").substr(0, 3)), sorted.sink()));
  EXPECT_FALSE(streams.at_boundary());
}

TEST(StdStreams, RefusesAMalformedHeaderForGood) {
  for (const std::string& header : {std::string("\0\0\0\0\0\0\0\1", 8), std::string("\3\0\0\0\0\0\0\1", 8),
                                    std::string("\1\0\1\0\0\0\0\1", 8), std::string("HTTP/1.1")}) {
    StdStreams streams;
    Sorted sorted;
    const auto fed = streams.feed(core::as_bytes(header), sorted.sink());
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().id, "engine_error");
    EXPECT_FALSE(streams.feed(core::as_bytes(frame(1, "later")), sorted.sink()));
    EXPECT_EQ(sorted.out, "");
  }
}

TEST(TarOfFile, IsReadBackByAnotherImplementation) {
  const std::string content(70'000, 'i');
  const std::string tar = tar_of_file("skill-verifier-init", content, 0755);
  EXPECT_EQ(tar.size() % 512, 0u);
  archive* reader = archive_read_new();
  archive_read_support_format_tar(reader);
  ASSERT_EQ(archive_read_open_memory(reader, tar.data(), tar.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  ASSERT_EQ(archive_read_next_header(reader, &entry), ARCHIVE_OK) << archive_error_string(reader);
  EXPECT_STREQ(archive_entry_pathname(entry), "skill-verifier-init");
  EXPECT_EQ(archive_entry_mode(entry), static_cast<unsigned>(S_IFREG | 0755));
  EXPECT_EQ(archive_entry_uid(entry), 0);
  EXPECT_EQ(archive_entry_mtime(entry), 0);
  std::string read(content.size() + 1, '\0');
  const auto size = archive_read_data(reader, read.data(), read.size());
  ASSERT_EQ(size, static_cast<la_ssize_t>(content.size()));
  read.resize(content.size());
  EXPECT_EQ(read, content);
  EXPECT_EQ(archive_read_next_header(reader, &entry), ARCHIVE_EOF);
  archive_read_free(reader);
}

TEST(TarOfFile, EndsAnEmptyFileAndAFullBlockRight) {
  EXPECT_EQ(tar_of_file("a", "", 0644).size(), 3u * 512);
  EXPECT_EQ(tar_of_file("a", std::string(512, 'x'), 0644).size(), 4u * 512);
  EXPECT_EQ(tar_of_file("a", std::string(513, 'x'), 0644).size(), 5u * 512);
}

}  // namespace
}  // namespace skill_verifier::sandbox
