// Dumps, metrics.json, and values against tests/reference/metrics_from_dump.py (fixtures written by
// tests/reference/metrics_fixtures.py).
#include "eval/metrics/dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "core/strings.h"
#include "eval/metrics/metrics_file.h"
#include "eval/metrics/ties.h"

namespace kindred::eval {
namespace {

using testing::HasSubstr;

const fs::path fixtures = KINDRED_SOURCE_DIR "/tests/fixtures/metrics";

class Dumps : public testing::Test {
 protected:
  Dumps() : folder_(fs::temp_directory_path() / cat("kindred_dump_test_", getpid())) {
    fs::create_directories(folder_);
  }
  ~Dumps() override { fs::remove_all(folder_); }
  fs::path file(const std::string& name, std::string_view content) const {
    write_file(folder_ / name, content);
    return folder_ / name;
  }
  fs::path folder_;
};

void expect_values(const NamedValues& got, const Json& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (const NamedValue& value : got) {
    const Json& wanted = expected[value.name];
    if (wanted.is_null()) {
      EXPECT_TRUE(std::isnan(value.value)) << value.name << " " << value.value;
    } else {
      EXPECT_NEAR(value.value, wanted.get<double>(), 1e-9) << value.name;
    }
  }
}

std::vector<Metric> metrics_of(const Json& expected) {
  std::vector<std::string> names;
  for (const auto& [name, value] : expected.items()) names.push_back(name);
  return parse_metrics(names);
}

TEST_F(Dumps, MetricsEqualTheReferenceScript) {
  const Json expected = read_json((fixtures / "expected.json").string());
  const RankingDump rankings = read_ranking_dump(fixtures / "rankings.tsv");
  EXPECT_EQ(rankings.depth(), 20);
  expect_values(
      evaluate_dump(rankings, metrics_of(expected["rankings"]), expected["catalogue"]).values,
      expected["rankings"]);
  const PointwiseDump pointwise = read_pointwise_dump(fixtures / "pointwise.tsv");
  expect_values(
      pointwise_metrics(pointwise.rows, pointwise.users.size(), metrics_of(expected["pointwise"])),
      expected["pointwise"]);
  expect_values(evaluate_generated(read_generated_dump(fixtures / "generated.tsv"),
                                   metrics_of(expected["generated"]))
                    .values,
                expected["generated"]);
  EXPECT_EQ(dump_kind(fixtures / "rankings.tsv"), DumpKind::ranking);
  EXPECT_EQ(dump_kind(fixtures / "pointwise.tsv"), DumpKind::pointwise);
  EXPECT_EQ(dump_kind(fixtures / "generated.tsv"), DumpKind::generated);
}

// Fifty scores of every size, with infinities, NaN and a subnormal number among them.
std::vector<float> awkward_scores(Random& random) {
  std::vector<float> scores;
  for (int i = 0; i < 50; ++i) scores.push_back(static_cast<float>(std::exp(30 * random.normal())));
  scores[7] = scores[8] = std::numeric_limits<float>::infinity();
  scores[9] = std::numeric_limits<float>::quiet_NaN();
  scores[10] = -std::numeric_limits<float>::denorm_min();
  return scores;
}

TEST_F(Dumps, RankingsKeepEveryBitAndTheirOrder) {
  std::vector<std::string> tokens;
  for (int i = 0; i < 50; ++i) tokens.push_back(cat("i", i));
  const std::vector<uint32_t> ties = tie_ranks(tokens);
  Random random(1, "test");
  std::vector<std::vector<Index>> lists;
  std::vector<float> written;
  write_file(folder_ / "d.tsv", [&](std::ostream& out) {
    RankingDumpWriter dump(out, tokens);
    for (int u = 0; u < 20; ++u) {
      const std::vector<float> scores = awkward_scores(random);
      const std::vector<Index> ranked = rank_items(scores, ties, 100);
      std::vector<float> sorted;
      for (const Index item : ranked) sorted.push_back(scores[item]);
      const std::vector<Index> relevant{3, 1};
      dump.add(cat("u", u), ranked, sorted, relevant);
      lists.push_back(ranked);
      written.insert(written.end(), sorted.begin(), sorted.end());
    }
    dump.add("nothing", {}, {}, {});
  });
  const RankingDump back = read_ranking_dump(folder_ / "d.tsv");
  ASSERT_EQ(back.users.size(), 21u);
  for (size_t u = 0; u < lists.size(); ++u) {
    for (size_t p = 0; p < lists[u].size(); ++p) {
      EXPECT_EQ(back.items.token(back.ranked.row(static_cast<int64_t>(u))[p]), tokens[lists[u][p]]);
    }
  }
  EXPECT_EQ(back.items.token(back.relevant.row(0)[0]), "i3");
  EXPECT_EQ(back.ranked.row(20).size(), 0u);
  ASSERT_EQ(back.scores.size(), written.size());
  for (size_t i = 0; i < written.size(); ++i) {
    EXPECT_TRUE(back.scores[i] == written[i] ||
                (std::isnan(back.scores[i]) && std::isnan(written[i])));
  }
}

TEST_F(Dumps, PointwiseAndGeneratedRoundTrip) {
  write_file(folder_ / "p.tsv", [](std::ostream& out) {
    PointwiseDumpWriter dump(out);
    dump.add("u", "i", 1, 0.1f);
    dump.add("u", "j", 0, -1e-30f);
  });
  EXPECT_EQ(
      read_file(folder_ / "p.tsv"),
      "user:token\titem:token\tlabel:float\tscore:float\nu\ti\t1\t0.100000001\nu\tj\t0\t-1e-30\n");
  EXPECT_EQ(read_pointwise_dump(folder_ / "p.tsv").rows.score, (std::vector<float>{0.1f, -1e-30f}));
  write_file(folder_ / "g.tsv", [](std::ostream& out) {
    GeneratedDumpWriter dump(out);
    dump.add({"u", "The\tMatrix\n ", {"The Matrix", "Heat"}});
    dump.add({"v", "", {}});
  });
  const auto answers = read_generated_dump(folder_ / "g.tsv");
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].answer, "The Matrix");
  EXPECT_EQ(answers[0].titles, (std::vector<std::string>{"The Matrix", "Heat"}));
  EXPECT_TRUE(answers[1].titles.empty());
}

TEST_F(Dumps, IdsWithWhiteSpaceAreRefused) {
  const std::vector<std::string> tokens{"a b"};
  const std::vector<Index> items{0};
  const std::vector<float> scores{1};
  const auto write = [&](std::string_view user, std::span<const Index> list) {
    write_file(folder_ / "bad.tsv", [&](std::ostream& out) {
      RankingDumpWriter(out, tokens).add(user, list, scores, {});
    });
  };
  EXPECT_THROW(write("u", items), Error);
  EXPECT_THROW(write("u\tv", {}), Error);
  EXPECT_FALSE(fs::exists(folder_ / "bad.tsv")) << "nothing half written";
}

TEST_F(Dumps, CorruptRankingsNameTheLine) {
  const std::string header = "user:token\tranked:token_seq\tscores:float_seq\trelevant:token_seq\n";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "header"},
      {"user\tranked\n", "header"},
      {header + "u\ta b\t2 1\n", "got 3 columns"},
      {header + "u\ta b\t2\tc\n", "number of scores"},
      {header + "u\ta b\t2 x\tc\n", "got 'x'"},
      {header + "u\ta b\t2 1e99999\tc\n", "expected a number"},
      {header + "u\ta b\t1 2\tc\n", "do not rise"},
      {header + "u\ta b\tnan 2\tc\n", "do not rise"},
      {header + "u\ta a\t2 1\tc\n", "twice"},
      {header + "u\ta\t2\tc c\n", "twice"},
      {header + "u\ta  b\t3 2 1\tc\n", "empty"},
      {header + "u\ta \t3 2\tc\n", "empty"},
      {header + "\ta\t2\tc\n", "user is empty"},
      {header + "u\ta\t2\tc\nu\ta\t2\tc\n", ":3: user 'u'"}};
  for (const auto& [content, message] : cases) {
    try {
      read_ranking_dump(file("c.tsv", content));
      ADD_FAILURE() << content;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  }
  try {
    read_ranking_dump(folder_ / "absent.tsv");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::missing);
  }
  EXPECT_EQ(read_ranking_dump(
                file("crlf.tsv", header.substr(0, header.size() - 1) + "\r\nu\ta\t2\tc\r\n"))
                .items.size(),
            2)
      << "line ends of other systems";
}

TEST_F(Dumps, CorruptOthersAreRefused) {
  const std::string pointwise = "user:token\titem:token\tlabel:float\tscore:float\n";
  for (const char* row :
       {"u\ti\t2\t0.5\n", "u\ti\t1\t\n", "u\t\t1\t0.5\n", "u\ti\t1\n", "u\ti\t1\t0.5\t6\n"}) {
    EXPECT_THROW(read_pointwise_dump(file("p.tsv", pointwise + row)), Error) << row;
  }
  const std::string generated = "user:token\tanswer:token_seq\trelevant:token_seq\n";
  EXPECT_THROW(read_generated_dump(file("g.tsv", generated + "u\ta\tb\nu\tc\tb\n")), Error);
  EXPECT_THROW(read_generated_dump(file("g.tsv", generated + "u\ta\tb\nv\ta\tb\nu\ta\tc\n")),
               Error);
  EXPECT_THROW(dump_kind(file("x.tsv", "something else\n")), Error);
}

TEST_F(Dumps, TheReferenceScriptAgreesWithMetricsJson) {
  if (std::system("python3 -c '' 2>/dev/null") != 0) GTEST_SKIP() << "python3 is not installed";
  const RankingDump dump = read_ranking_dump(fixtures / "rankings.tsv");
  MetricsFile metrics;
  metrics.test =
      evaluate_dump(
          dump,
          parse_metrics(std::vector<std::string>{"recall@20", "ndcg@10", "map@3", "coverage@1"}),
          60)
          .values;
  const auto agrees = [&] {
    write_metrics(folder_ / "metrics.json", metrics);
    return std::system(
               cat("python3 '", KINDRED_SOURCE_DIR, "/tests/reference/metrics_from_dump.py' '",
                   (fixtures / "rankings.tsv").string(), "' --catalogue 60 --metrics-json '",
                   (folder_ / "metrics.json").string(), "' > /dev/null")
                   .c_str()) == 0;
  };
  EXPECT_TRUE(agrees());
  metrics.test[1].value += 2e-6;
  EXPECT_FALSE(agrees()) << "the script sees a difference";
}

MetricsFile sample_file() {
  MetricsFile metrics;
  metrics.protocol = {"candidates", 99, 3, {}, "train+valid"};
  metrics.valid = {{"recall@20", 0.25}};
  metrics.test = {{"recall@20", 1.0 / 3}, {"auc", std::numeric_limits<double>::quiet_NaN()}};
  metrics.groups = {{"cold-items", 12, {{"recall@20", 0.5}}}};
  return metrics;
}

TEST_F(Dumps, MetricsJsonHasTheContractsForm) {
  EXPECT_EQ(
      to_json(sample_file()).dump(),
      R"({"schema":1,"protocol":{"name":"candidates","negatives":99,"seed":3,"file":null,)"
      R"("mask":"train+valid"},"valid":{"recall@20":0.25},"test":{"recall@20":0.3333333333333333,)"
      R"("auc":null},"groups":{"cold-items":{"users":12,"metrics":{"recall@20":0.5}}}})");
  write_metrics(folder_ / "m.json", sample_file());
  const MetricsFile back = read_metrics(folder_ / "m.json");
  EXPECT_EQ(to_json(back), to_json(sample_file()));
  EXPECT_EQ(back.test[0].value, 1.0 / 3) << "every bit";
}

TEST_F(Dumps, MetricsJsonRefusesWhatItDoesNotKnow) {
  const auto refuses = [&](const std::function<void(Json&)>& change) {
    Json json = to_json(sample_file());
    change(json);
    try {
      metrics_from_json(json, "m.json");
      return std::string();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::bad_data);
      return std::string(error.what());
    }
  };
  EXPECT_THAT(refuses([](Json& j) { j["schema"] = 2; }), HasSubstr("newer"));
  EXPECT_THAT(refuses([](Json& j) { j["schema"] = 0; }), HasSubstr("got schema 0"));
  EXPECT_THAT(refuses([](Json& j) { j.erase("schema"); }), HasSubstr("schema"));
  EXPECT_THAT(refuses([](Json& j) { j.erase("groups"); }), HasSubstr("groups"));
  EXPECT_THAT(refuses([](Json& j) { j["test"]["auc"] = "high"; }), HasSubstr("'auc' is string"));
  EXPECT_THAT(refuses([](Json& j) { j["protocol"] = 3; }), HasSubstr("protocol"));
  EXPECT_THAT(refuses([](Json& j) { j["groups"]["cold-items"] = 3; }),
              HasSubstr("groups.cold-items"));
  EXPECT_THAT(refuses([](Json& j) { j = Json::array(); }), HasSubstr("array"));
}

}  // namespace
}  // namespace kindred::eval
