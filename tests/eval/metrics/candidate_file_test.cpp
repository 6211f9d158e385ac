// Files of candidates: what is read, what is refused, with its line.
#include "eval/metrics/candidate_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/strings.h"

namespace kindred::eval {
namespace {

using testing::HasSubstr;
using Items = std::vector<std::string>;

class CandidateFiles : public testing::Test {
 protected:
  CandidateFiles() : path_(fs::temp_directory_path() / cat("kindred_candidates_", getpid())) {}
  ~CandidateFiles() override { fs::remove(path_); }

  CandidateFile read(const std::string& content) const {
    write_file(path_, content);
    return read_candidate_file(path_);
  }
  std::string refusal(const std::string& content) const {
    try {
      read(content);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data) << content;
      return error.what();
    }
    ADD_FAILURE() << "was read: " << content;
    return "";
  }

  fs::path path_;
};

TEST_F(CandidateFiles, KeepTheirOrderAndMayLackTheHeader) {
  const std::string rows = "b\tz y x\r\na\tx\n";
  const CandidateFile bare = read(rows);
  ASSERT_EQ(bare.rows.size(), 2u);
  EXPECT_EQ(bare.rows[0].user, "b");
  EXPECT_EQ(bare.rows[0].items, (Items{"z", "y", "x"}));
  EXPECT_EQ(bare.rows[1].line, 2);
  EXPECT_EQ(bare.sha256, fingerprint(rows));
  const CandidateFile headed = read("user:token\tcandidates:token_seq\n" + rows);
  EXPECT_EQ(headed.rows.size(), 2u);
  EXPECT_EQ(headed.rows[1].line, 3);
  EXPECT_NE(headed.sha256, bare.sha256) << "of the bytes";
}

TEST_F(CandidateFiles, AreWrittenAsTheyAreRead) {
  const std::vector<CandidateRow> rows{{"b", {"z", "y"}}, {"a", {"x"}}};
  write_candidate_file(path_, rows);
  EXPECT_EQ(read_file(path_), "user:token\tcandidates:token_seq\nb\tz y\na\tx\n");
  EXPECT_EQ(read_candidate_file(path_).rows[0].items, rows[0].items);
  EXPECT_THROW(write_candidate_file(path_, std::vector<CandidateRow>{{"a b", {"x"}}}), Error);
  EXPECT_EQ(read_candidate_file(path_).rows.size(), 2u) << "nothing half written";
}

TEST_F(CandidateFiles, NameTheLineOfAMistake) {
  EXPECT_THAT(refusal("a\tx y\nb\tx y x\n"), HasSubstr(":2: item 'x' stands twice"));
  EXPECT_THAT(refusal("a\tx\nb\tx\na\ty\n"),
              HasSubstr(":3: user 'a' has candidates already, in line 1"));
  EXPECT_THAT(refusal("a\tx\nb\n"), HasSubstr(":2: got 1 columns"));
  EXPECT_THAT(refusal("a\tx\n\nb\tx\n"), HasSubstr(":2: got 1 columns"));
  EXPECT_THAT(refusal("a\tx\ty\n"), HasSubstr(":1: got 3 columns"));
  EXPECT_THAT(refusal("a\t\n"), HasSubstr(":1: a list without candidates"));
  EXPECT_THAT(refusal("a\tx  y\n"), HasSubstr(":1: a candidate is empty"));
  EXPECT_THAT(refusal("a\tx \n"), HasSubstr(":1: a candidate is empty"));
  EXPECT_THAT(refusal("\tx\n"), HasSubstr(":1: the user is empty"));
  EXPECT_THAT(refusal("user:token\titems:token_seq\na\tx\n"), HasSubstr(":1: got the header"));
  EXPECT_THAT(refusal("user:token\tcandidates:token_seq\n"), HasSubstr("holds nobody"));
  EXPECT_THAT(refusal(""), HasSubstr("holds nobody"));
  fs::remove(path_);
  try {
    read_candidate_file(path_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::missing);
  }
}

}  // namespace
}  // namespace kindred::eval
