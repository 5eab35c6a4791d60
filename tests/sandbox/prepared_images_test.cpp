#include "sandbox/prepared_images.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sandbox/derived_images.hpp"
#include "support/await.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::sandbox {
namespace {

TEST(PreparedKey, TellsDifferentWorkApart) {
  PrepareRequest asked;
  asked.image.id = "sha256:base";
  asked.tree_digest = std::string(64, 'e');
  asked.deps.argv = {"/bin/sh", "-c", "true"};
  const auto init = std::string(64, 'a');
  const auto key = prepared_key(asked, init);
  EXPECT_EQ(prepared_key(asked, init), key);
  EXPECT_NE(prepared_key(asked, std::string(64, 'b')), key);
  auto other = asked;
  other.tree_digest = std::string(64, 'f');
  EXPECT_NE(prepared_key(other, init), key);
  other = asked;
  other.image.id = "sha256:other";
  EXPECT_NE(prepared_key(other, init), key);
  other = asked;
  other.bridge_network = true;
  EXPECT_NE(prepared_key(other, init), key);
  other = asked;
  other.deps.env = {{"A", "b"}};
  EXPECT_NE(prepared_key(other, init), key);
  other.deps.env = {{"A", "bA"}};
  auto moved = asked;
  moved.deps.env = {{"Ab", "A"}};
  EXPECT_NE(prepared_key(other, init), prepared_key(moved, init));
  other = asked;
  other.deps.argv = {"/bin/sh -c", "true"};
  EXPECT_NE(prepared_key(other, init), key);
  // Whose job it is does not matter.
  other = asked;
  other.job_id = "another";
  other.attempt = 9;
  EXPECT_EQ(prepared_key(other, init), key);
}

TEST(DerivedKey, TellsImagesAndInitsApart) {
  const auto key = derived_key("sha256:a", "i");
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(derived_key("sha256:a", "i"), key);
  EXPECT_NE(derived_key("sha256:b", "i"), key);
  EXPECT_NE(derived_key("sha256:a", "j"), key);
}

TEST(PreparedImages, KeepTheNewImageWhenTheOldOneOfItsKeyWillNotGo) {
  const test::Reply in_use = test::Reply::json(409, R"({"message":"image is being used"})");
  test::ScriptedServer server(test::routes({{"GET /_ping", test::Reply::with(200, "OK", {{"Api-Version", "1.41"}})},
                                            {"GET /version", test::Reply::json(200, R"({"MinAPIVersion":"1.12"})")},
                                            {"DELETE /v1.41/images/old", in_use},
                                            {"GET /v1.41/images/new/json", test::Reply::json(200, R"({"Id":"new"})")}}),
                              test::ScriptedServer::Transport::unix_socket);
  core::asio::io_context io{1};
  Engine engine(io.get_executor(), *net::parse_endpoint(server.url()));
  PreparedImages images(io.get_executor(), engine, "here", 1000, 10);
  test::await(io, images.keep({"key", "old", 1}));
  const auto lease = test::await(io, images.keep({"key", "new", 1}));
  EXPECT_NE(lease, nullptr);
  const auto found = test::await(io, images.find("key"));
  ASSERT_TRUE(found.has_value()) << found.error().message;
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->id, "new");
  // And the old one is not forgotten.
  test::await(io, images.keep({"other", "third", 1}));
  const auto is_removal = [](const test::ReceivedRequest& request) { return request.method == "DELETE"; };
  const auto asked = server.requests();
  EXPECT_GE(std::ranges::count_if(asked, is_removal), 2);
}

}  // namespace
}  // namespace skill_verifier::sandbox
