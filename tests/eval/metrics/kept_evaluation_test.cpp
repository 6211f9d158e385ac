// Kept evaluations: every bit comes back, and nothing that is damaged is read.
#include "eval/metrics/kept_evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "core/gzip.h"
#include "core/strings.h"
#include "data/source.h"

namespace kindred::eval {
namespace {

using testing::HasSubstr;

constexpr float infinity = std::numeric_limits<float>::infinity();

KeptEvaluation sample() {
  KeptEvaluation kept;
  kept.label = "ease";
  kept.run = "sweep/seed1";
  kept.recipe = "r";
  kept.seed = 7;
  kept.split = "s";
  kept.part = "test";
  kept.protocol = {"pointwise", {}, {}, {}, "none"};
  kept.values = {{"auc", 1.0 / 3}, {"logloss", std::nan("")}};
  kept.groups = {{"cold-items", 2, {{"auc", 0.5}}, 5}};
  kept.users = UserMetrics({"a", "b"}, {{MetricKind::uauc, 0}, {MetricKind::pointwise_ndcg, 0}});
  kept.users.row(0)[0] = 0.1;
  kept.users.row(1)[1] = 2.0 / 3;
  for (const char* user : {"a", "b"}) kept.rows.users.add(user);
  for (const char* item : {"x", "y"}) kept.rows.items.add(item);
  kept.rows.rows = {
      {0, 1, 1, 0}, {0, 0, 1, 1}, {1, 0, 1, 0}, {0.1f, -infinity, infinity, std::nanf("")}, false};
  return kept;
}

class KeptFiles : public testing::Test {
 protected:
  KeptFiles() : path_(fs::temp_directory_path() / cat("kindred_kept_", getpid(), ".json.gz")) {}
  ~KeptFiles() override { fs::remove(path_); }

  Json json() const {
    write_kept_evaluation(path_, sample());
    return parse_json(content(), "kept");
  }
  std::string content() const {
    const auto source = data::open_source(path_);
    std::string text(1 << 16, '\0');
    size_t size = 0;
    while (const size_t got = source->read(text.data() + size, text.size() - size)) size += got;
    text.resize(size);
    return text;
  }
  std::string refusal(const std::string& bytes) const {
    write_file(path_, bytes);
    try {
      read_kept_evaluation(path_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(path_.filename().string()));
      return error.what();
    }
    return "was read";
  }
  std::string changed(const std::function<void(Json&)>& change) const {
    Json other = json();
    change(other);
    return refusal(gzipped(other.dump()));
  }

  fs::path path_;
};

TEST_F(KeptFiles, KeepEveryBit) {
  const KeptEvaluation kept = sample();
  write_kept_evaluation(path_, kept);
  const KeptEvaluation back = read_kept_evaluation(path_);
  EXPECT_EQ(back.label, "ease");
  EXPECT_EQ(back.run, "sweep/seed1");
  EXPECT_EQ(back.recipe, "r");
  EXPECT_EQ(back.seed, 7u);
  EXPECT_EQ(back.split, "s");
  EXPECT_EQ(back.part, "test");
  EXPECT_EQ(back.protocol, kept.protocol);
  EXPECT_EQ(to_json(back.values), to_json(kept.values));
  EXPECT_EQ(back.groups[0].rows, 5);
  EXPECT_EQ(back.users.users(), kept.users.users());
  EXPECT_EQ(back.users.metrics(), kept.users.metrics());
  EXPECT_EQ(back.users.at(1, 1), 2.0 / 3);
  EXPECT_TRUE(std::isnan(back.users.at(1, 0)));
  EXPECT_EQ(back.rows.users.token(1), "b");
  EXPECT_EQ(back.rows.rows.item, kept.rows.rows.item);
  EXPECT_EQ(back.rows.rows.label, kept.rows.rows.label);
  EXPECT_EQ(back.rows.rows.score[0], 0.1f);
  EXPECT_EQ(back.rows.rows.score[1], -infinity);
  EXPECT_EQ(back.rows.rows.score[2], infinity);
  EXPECT_TRUE(std::isnan(back.rows.rows.score[3]));
  EXPECT_FALSE(back.rows.rows.probabilities);
  const std::string once = read_file(path_);
  write_kept_evaluation(path_, kept);
  EXPECT_EQ(read_file(path_), once) << "the same evaluation, the same file";
}

TEST_F(KeptFiles, WithoutRowsHaveNone) {
  KeptEvaluation kept = sample();
  kept.rows = {};
  write_kept_evaluation(path_, kept);
  EXPECT_EQ(read_kept_evaluation(path_).rows.rows.size(), 0);
}

TEST_F(KeptFiles, AreRefusedWhereTheyAreDamaged) {
  write_kept_evaluation(path_, sample());
  const std::string whole = read_file(path_);
  EXPECT_THAT(refusal(whole.substr(0, whole.size() / 2)), HasSubstr("truncated"));
  std::string flipped = whole;
  flipped[flipped.size() - 6] ^= 1;  // in the checksum
  EXPECT_THAT(refusal(flipped), HasSubstr("damaged"));
  EXPECT_THAT(refusal("plain"), HasSubstr("not gzip"));
  EXPECT_THAT(refusal(gzipped("[1]")), HasSubstr("no evaluation"));
  EXPECT_THAT(refusal(gzipped("{")), HasSubstr("json.gz"));
}

TEST_F(KeptFiles, AreReadToALimit) {
  constexpr size_t piece = 1 << 20;
  const std::string member = gzipped(std::string(piece, ' '));
  std::string bomb;
  for (size_t size = 0; size <= KeptEvaluation::largest; size += piece) bomb += member;
  EXPECT_LT(bomb.size(), 1u << 20);
  EXPECT_THAT(refusal(bomb), HasSubstr("more than 256 MiB"));
}

TEST_F(KeptFiles, AreReadStrictly) {
  EXPECT_THAT(changed([](Json& j) { j["schema"] = 2; }), HasSubstr("a newer Kindred"));
  EXPECT_THAT(changed([](Json& j) { j["schema"] = "1"; }), HasSubstr("got schema"));
  for (const char* name : {"label", "run", "recipe", "seed", "split", "part", "protocol", "values",
                           "groups", "users", "schema"})
    EXPECT_THAT(changed([&](Json& j) { j.erase(name); }),
                HasSubstr(cat("'", name, "' is missing")));
  EXPECT_THAT(changed([](Json& j) { j["label"] = 3; }), HasSubstr("label: got number"));
  EXPECT_THAT(changed([](Json& j) { j["seed"] = -3; }), HasSubstr("seed: expected a whole"));
  EXPECT_THAT(changed([](Json& j) { j["users"]["tokens"][1] = "a"; }),
              HasSubstr("'a' stands twice"));
  EXPECT_THAT(changed([](Json& j) { j["users"]["values"]["uauc"].push_back(1); }),
              HasSubstr("got 3 values for 2 users"));
  EXPECT_THAT(changed([](Json& j) { j["users"]["values"]["uac"] = {1, 2}; }),
              HasSubstr("did you mean"));
  EXPECT_THAT(changed([](Json& j) { j["users"]["values"]["uauc"][0] = "x"; }),
              HasSubstr("expected a number"));
  EXPECT_THAT(changed([](Json& j) { j["rows"]["user"][0] = 2; }), HasSubstr("from 0 to 1"));
  EXPECT_THAT(changed([](Json& j) { j["rows"]["items"] = {"x", "x"}; }), HasSubstr("stands twice"));
  EXPECT_THAT(changed([](Json& j) { j["rows"]["label"][0] = 3; }), HasSubstr("expected 0 or 1"));
  EXPECT_THAT(changed([](Json& j) { j["rows"]["score"].push_back(1); }),
              HasSubstr("expected equal lengths"));
  EXPECT_THAT(changed([](Json& j) { j["groups"]["cold-items"].erase("users"); }),
              HasSubstr("groups.cold-items"));
}

}  // namespace
}  // namespace kindred::eval
