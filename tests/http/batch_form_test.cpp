#include "http/batch_form.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "skill_verifier/core/ids.hpp"
#include "support/await.hpp"

namespace skill_verifier::http {
namespace {

namespace fs = std::filesystem;

MultipartEvent event(MultipartEvent::Kind kind, std::string_view data = {}) {
  MultipartEvent made;
  made.kind = kind;
  made.data = data;
  made.part.name = "skill";
  made.part.filename = "a.zip";
  return made;
}

TEST(BatchForm, LetsThePoolRemoveTheFilesOfABatchThatCameToNothing) {
  const fs::path spool = fs::temp_directory_path() / ("svbatch-" + core::random_hex(8));
  fs::create_directories(spool);
  const auto files = [&spool] { return std::distance(fs::directory_iterator(spool), fs::directory_iterator()); };
  core::asio::io_context io{1};
  core::WorkPool pool{1};
  const Request request{};
  std::promise<void> pool_goes_on;
  {
    BatchForm form(pool, spool, request);
    for (int i = 0; i < 2; ++i)
      for (const auto kind : {MultipartEvent::Kind::part, MultipartEvent::Kind::data, MultipartEvent::Kind::part_end})
        ASSERT_TRUE(test::await(io, form.handle(event(kind, "bytes"))));
    ASSERT_EQ(files(), 2);
    pool.post([&pool_goes_on] { pool_goes_on.get_future().wait(); });
  }
  EXPECT_EQ(files(), 2) << "whoever lets go of the form does not wait for the disk";
  pool_goes_on.set_value();
  pool.join();
  EXPECT_EQ(files(), 0);
  fs::remove_all(spool);
}

}  // namespace
}  // namespace skill_verifier::http
