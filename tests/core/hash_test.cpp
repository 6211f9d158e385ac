#include "core/hash.h"

#include <gtest/gtest.h>

#include "core/files.h"
#include "core/test_support.h"

namespace kindred {
namespace {

// The examples of FIPS 180-2, appendix B, and the empty message.
const std::pair<std::string, std::string> known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {std::string(1'000'000, 'a'),
     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

TEST(Sha256, KnownDigests) {
  for (const auto& [text, digest] : known) EXPECT_EQ(fingerprint(text), digest);
}

TEST(Sha256, PiecesGiveTheSameDigest) {
  const std::string& text = known[3].first;
  for (const size_t piece : {1, 63, 64, 65, 100'000}) {
    Sha256 hash;
    for (size_t at = 0; at < text.size(); at += piece)
      hash.update(std::string_view(text).substr(at, piece));
    EXPECT_EQ(hex(hash.finish()), known[3].second);
  }
  EXPECT_EQ(hex(Sha256().finish()), known[0].second);
}

TEST(Sha256, OfFiles) {
  const test::TemporaryFolder folder;
  write_file(folder / "empty", "");
  write_file(folder / "large", std::string(3'000'001, 'x'));
  EXPECT_EQ(file_fingerprint(folder / "empty"), known[0].second);
  EXPECT_EQ(file_fingerprint(folder / "large"), fingerprint(std::string(3'000'001, 'x')));
  test::expect_error(Exit::missing, "none", [&] { file_fingerprint(folder / "none"); });
  test::expect_error(Exit::io, "reading failed", [&] { file_fingerprint(folder.path()); });
}

}  // namespace
}  // namespace kindred
