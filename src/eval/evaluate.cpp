#include "eval/evaluate.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "core/strings.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/expression.h"
#include "eval/metrics/ties.h"
#include "eval/queries.h"

namespace kindred::eval {
namespace {

using data::Part;

/// How many users are ranked between two looks at the stop token.
constexpr size_t block_users = 4096;

std::vector<Metric> metrics_of(const EvaluationOptions& options, const EvaluationRequest& request) {
  return request.metrics.empty() ? parse_metrics(options.metrics) : request.metrics;
}

[[noreturn]] void lacks(const model::Recommender& recommender, const std::string& protocol,
                        const char* capability) {
  throw Error(Exit::config, "evaluation.protocol",
              cat("got '", protocol, "', which needs a recommender that ", capability, "; ",
                  recommender.name(), " does not"));
}

std::string mask_text(const EvaluationOptions& options, Part part) {
  if (options.mask == "none" || part == Part::train) return "none";
  return options.mask == "seen" && part == Part::test ? "train+valid" : "train";
}

std::vector<Group> groups_of(const EvaluationOptions& options, const data::Dataset& data,
                             const std::vector<Index>& users) {
  std::vector<GroupSpec> specs;
  for (const std::string& text : options.groups) specs.push_back(parse_group(text));
  if (specs.empty()) return {};
  const data::Csr train = data.by_user(Part::train);
  std::vector<int64_t> user_counts;
  for (const Index user : users)
    user_counts.push_back(static_cast<int64_t>(train.row(user).size()));
  return make_groups(specs, user_counts, data.item_popularity());
}

/// Hands ranked lists to the collector and keeps what was asked for.
class Ranking {
 public:
  Ranking(const data::Dataset& data, const EvaluationOptions& options,
          const EvaluationRequest& request)
      : data_(data), options_(options), request_(request), people_(data, options, request.part) {
    people_.sample(request.sample_users, options.seed);
    if (people_.users().empty())
      throw Error(Exit::bad_data, data.name,
                  cat("the ", data::part_name(request.part), " part holds no item to find"));
  }

  EvaluationOutcome run(model::Recommender& recommender) {
    RankingSetup setup;
    for (const Index user : people_.users()) setup.users.push_back(data_.users.token(user));
    setup.metrics = metrics_of(options_, request_);
    setup.n_items = data_.item_count();
    setup.groups = groups_of(options_, data_, people_.users());
    RankingCollector collector(std::move(setup));
    depth_ = std::max<int64_t>({collector.depth(), request_.keep, 1});
    EvaluationOutcome outcome;
    for (size_t begin = 0; begin < people_.users().size(); begin += block_users) {
      if (request_.stop.stop_requested()) throw Error(Exit::interrupted, "evaluation", "stopped");
      const size_t end = std::min(begin + block_users, people_.users().size());
      const std::span<const Index> users(people_.users().data() + begin, end - begin);
      std::vector<RankedList> lists =
          options_.protocol == "full" ? full(recommender, users) : among(recommender, users);
      for (size_t i = 0; i < lists.size(); ++i) {
        collector.add(static_cast<int64_t>(begin + i), lists[i].items, lists[i].relevant);
        if (request_.keep > 0) outcome.lists.push_back(std::move(lists[i]));
      }
    }
    outcome.evaluation = collector.finish();
    return outcome;
  }

 private:
  std::vector<RankedList> full(model::Recommender& recommender, std::span<const Index> users) {
    if (ties_.empty()) ties_ = tie_ranks(data_.items.tokens());
    std::vector<model::Query> queries;
    std::vector<std::vector<Index>> masked;
    std::vector<RankedList> lists;
    for (const Index user : users) {
      queries.push_back(people_.query(user));
      masked.push_back(people_.masked(user));
      lists.push_back({user, {}, {}, people_.relevant(user)});
    }
    model::TopItems top = recommender.top(
        {.queries = queries, .k = depth_, .masked = masked, .tie_ranks = ties_, .among = {}});
    for (size_t i = 0; i < lists.size(); ++i) {
      lists[i].items = std::move(top.items[i]);
      lists[i].scores = std::move(top.scores[i]);
    }
    return lists;
  }

  std::vector<RankedList> among(model::Recommender& recommender, std::span<const Index> users) {
    if (ties_.empty()) ties_ = tie_ranks(data_.items.tokens());
    std::vector<RankedList> lists;
    const auto most = static_cast<size_t>(std::max<int64_t>(1, recommender.preferred_queries()));
    for (size_t begin = 0; begin < users.size(); begin += most) {
      const std::span<const Index> some =
          users.subspan(begin, std::min(most, users.size() - begin));
      std::vector<model::Query> queries;
      std::vector<std::vector<Index>> candidates;
      size_t widest = 1;
      for (const Index user : some) {
        queries.push_back(people_.query(user));
        candidates.push_back(candidates_of(user));
        widest = std::max(widest, candidates.back().size());
      }
      const torch::Tensor scores = score(recommender, queries, candidates, widest);
      for (size_t i = 0; i < some.size(); ++i)
        lists.push_back(sorted(some[i], candidates[i], scores.data_ptr<float>() + i * widest));
    }
    return lists;
  }

  static torch::Tensor score(model::Recommender& recommender, std::span<const model::Query> queries,
                             const std::vector<std::vector<Index>>& candidates, size_t widest) {
    const auto rows = static_cast<int64_t>(queries.size());
    torch::Tensor asked = torch::zeros({rows, static_cast<int64_t>(widest)}, torch::kLong);
    for (size_t i = 0; i < candidates.size(); ++i) {
      int64_t* row = asked.data_ptr<int64_t>() + i * widest;
      std::copy(candidates[i].begin(), candidates[i].end(), row);
      // Shorter lists are filled up with their first candidate; those scores are not read.
      std::fill(row + candidates[i].size(), row + widest, candidates[i].front());
    }
    return recommender.score(queries, asked).to(torch::kCPU, torch::kFloat).contiguous();
  }

  RankedList sorted(Index user, const std::vector<Index>& candidates, const float* scores) {
    std::vector<size_t> order(candidates.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return ranks_before(scores[a], ties_[candidates[a]], scores[b], ties_[candidates[b]]);
    });
    RankedList list{user, {}, {}, people_.relevant(user)};
    for (const size_t at : order) {
      list.items.push_back(candidates[at]);
      list.scores.push_back(scores[at]);
    }
    return list;
  }

  std::vector<Index> candidates_of(Index user) {
    if (!options_.candidates.empty()) return given(user);
    std::vector<Index> chosen = people_.relevant(user);
    const auto known = people_.known(user);
    const auto free_items =
        static_cast<int64_t>(data_.item_count()) - static_cast<int64_t>(known.size());
    if (free_items < options_.negatives)
      throw Error(Exit::config, "evaluation.negatives",
                  cat("got ", options_.negatives, ", but user '", data_.users.token(user),
                      "' has only ", free_items, " items without an interaction"));
    // The k-th unknown item, found by stepping over the known ones: every draw is used, so this
    // ends.
    Random random(options_.seed, "evaluation.negatives", {static_cast<uint64_t>(user)});
    for (const uint64_t place : random.sample(static_cast<uint64_t>(free_items),
                                              static_cast<uint64_t>(options_.negatives))) {
      auto item = static_cast<Index>(place);
      for (const Index taken : known) {
        if (taken > item) break;
        ++item;
      }
      chosen.push_back(item);
    }
    return chosen;
  }

  std::vector<Index> given(Index user) {
    if (given_.empty()) read_given();
    const auto& list = given_[static_cast<size_t>(user)];
    if (list.empty())
      throw Error(Exit::bad_data, options_.candidates,
                  cat("has no candidates for user '", data_.users.token(user), "'"));
    return list;
  }

  void read_given() {
    given_.resize(static_cast<size_t>(data_.user_count()));
    std::ifstream file(options_.candidates);
    if (!file) throw Error(Exit::missing, options_.candidates, "cannot be opened");
    std::string line;
    for (int64_t number = 1; std::getline(file, line); ++number) {
      if (number == 1 && line.starts_with("user:")) continue;
      const std::vector<std::string> fields = split(trim(line), '\t');
      const std::string at = cat(options_.candidates, ":", number);
      if (fields.size() != 2)
        throw Error(Exit::bad_data, at,
                    cat("got ", fields.size(), " fields, expected user and candidates"));
      const auto user = data_.users.find(fields[0]);
      if (!user) continue;
      for (const std::string& token : split(fields[1], ' ')) {
        const auto item = data_.items.find(token);
        if (!item) throw Error(Exit::bad_data, at, cat("item '", token, "' is not in the dataset"));
        given_[static_cast<size_t>(*user)].push_back(*item);
      }
    }
  }

  const data::Dataset& data_;
  const EvaluationOptions& options_;
  const EvaluationRequest& request_;
  People people_;
  std::vector<uint32_t> ties_;
  std::vector<std::vector<Index>> given_;
  int64_t depth_ = 0;
};

EvaluationOutcome pointwise(model::Recommender& recommender, const data::Dataset& data,
                            const EvaluationOptions& options, const EvaluationRequest& request) {
  const data::InteractionTable& table = data.part(request.part);
  if (table.label.empty())
    throw Error(Exit::bad_data, data.name,
                "protocol pointwise needs a label:float column, and this dataset has none");
  const std::vector<model::Query> queries =
      row_queries(data, request.part, options.users == "unseen");
  EvaluationOutcome outcome;
  outcome.rows = {table.user, table.item, table.label, {}};
  const auto most = static_cast<size_t>(std::max<int64_t>(1, recommender.preferred_queries()));
  for (size_t begin = 0; begin < queries.size(); begin += most) {
    if (request.stop.stop_requested()) throw Error(Exit::interrupted, "evaluation", "stopped");
    const size_t count = std::min(most, queries.size() - begin);
    const std::vector<int64_t> items(table.item.begin() + begin,
                                     table.item.begin() + begin + count);
    const torch::Tensor asked = torch::tensor(items, torch::kLong).unsqueeze(1);
    const torch::Tensor scores = recommender.score(std::span(queries).subspan(begin, count), asked)
                                     .to(torch::kCPU, torch::kFloat)
                                     .contiguous();
    outcome.rows.score.insert(outcome.rows.score.end(), scores.data_ptr<float>(),
                              scores.data_ptr<float>() + count);
  }
  std::vector<Index> users(static_cast<size_t>(data.user_count()));
  for (size_t u = 0; u < users.size(); ++u) users[u] = static_cast<Index>(u);
  const auto tokens = data.users.tokens();
  outcome.evaluation =
      evaluate_pointwise(outcome.rows, {tokens.begin(), tokens.end()}, metrics_of(options, request),
                         groups_of(options, data, users));
  return outcome;
}

}  // namespace

void check_options(const EvaluationOptions& options) {
  std::vector<std::string> problems;
  const auto attempt = [&](const auto& action) {
    try {
      action();
    } catch (const Error& error) {
      for (const std::string& line : error.lines()) problems.push_back("evaluation: " + line);
    }
  };
  attempt([&] { parse_metrics(options.metrics); });
  for (const std::string& group : options.groups) attempt([&] { parse_group(group); });
  if (options.metrics.empty())
    problems.push_back("evaluation.metrics: is empty, expected metric names");
  if (!problems.empty()) throw Error(Exit::config, problems);
}

EvaluationOutcome evaluate(model::Recommender& recommender, const data::Dataset& data,
                           const EvaluationOptions& options, const EvaluationRequest& request) {
  const auto begun = std::chrono::steady_clock::now();
  const model::Capabilities can = recommender.capabilities();
  if (options.protocol == "full" && !can.scores_all && !can.factorises)
    lacks(recommender, options.protocol, "scores every item (scores_all)");
  if (options.protocol != "full" && !can.scores && !can.scores_all)
    lacks(recommender, options.protocol, "scores given candidates (scores)");
  const torch::NoGradGuard no_gradient;
  EvaluationOutcome outcome = options.protocol == "pointwise"
                                  ? pointwise(recommender, data, options, request)
                                  : Ranking(data, options, request).run(recommender);
  outcome.protocol.name = options.protocol;
  outcome.protocol.unseen = options.users == "unseen";
  outcome.protocol.mask = options.protocol == "full" ? mask_text(options, request.part) : "none";
  if (options.protocol == "candidates") {
    if (options.candidates.empty()) {
      outcome.protocol.negatives = options.negatives;
      outcome.protocol.seed = options.seed;
    } else {
      outcome.protocol.file = options.candidates;
    }
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return outcome;
}

void write_dump(const std::filesystem::path& path, const EvaluationOutcome& outcome,
                const data::Dataset& data) {
  write_file(path, [&](std::ostream& out) {
    if (outcome.protocol.name == "pointwise") {
      PointwiseDumpWriter dump(out);
      for (int64_t r = 0; r < outcome.rows.size(); ++r)
        dump.add(data.users.token(outcome.rows.user[r]), data.items.token(outcome.rows.item[r]),
                 outcome.rows.label[r], outcome.rows.score[r]);
      return;
    }
    RankingDumpWriter dump(out, data.items.tokens());
    for (const RankedList& list : outcome.lists)
      dump.add(data.users.token(list.user), list.items, list.scores, list.relevant);
  });
}

}  // namespace kindred::eval
