#include "run/recommend.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/ties.h"

namespace kindred::run {

using data::Index;

namespace {

std::vector<Index> indices(const std::vector<std::string>& tokens, const data::IdMap& items,
                           std::vector<std::string>& unknown) {
  std::vector<Index> found;
  for (const std::string& token : tokens) {
    if (const auto index = items.find(token)) {
      found.push_back(*index);
    } else {
      unknown.push_back(token);
    }
  }
  return found;
}

/// Adds a sentence on the tokens of the option that are no items of the run: the first five, each
/// with the nearest item. A misspelt token would otherwise quietly widen or narrow the list.
void note_unknown(std::vector<std::string>& problems, const char* option,
                  const std::vector<std::string>& unknown, const OpenedRun& run) {
  constexpr size_t most = 5;
  if (unknown.empty()) return;
  std::vector<std::string> named;
  for (size_t i = 0; i < std::min(unknown.size(), most); ++i)
    named.push_back(cat("'", unknown[i], "'", suggestion(unknown[i], run.items->tokens())));
  if (unknown.size() > most) named.push_back(cat("and ", unknown.size() - most, " more"));
  problems.push_back(cat(option, ": got ", join(named, ", "),
                         ", expected only items of this run (its model/items.tsv lists them)"));
}

/// What may and what may not be recommended.
struct Allowed {
  std::vector<Index> among, excluded;
};

/// Throws `bad_data` with every problem of both lists.
Allowed allowed_items(const OpenedRun& run, const RecommendRequest& request) {
  Allowed allowed;
  std::vector<std::string> problems, outside, excluded;
  allowed.among = indices(request.among, *run.items, outside);
  allowed.excluded = indices(request.exclude, *run.items, excluded);
  note_unknown(problems, "--among", outside, run);
  note_unknown(problems, "--exclude", excluded, run);
  if (!problems.empty()) throw Error(Exit::bad_data, problems);
  return allowed;
}

void sort_unique(std::vector<Index>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

std::vector<Index> user_indices(const OpenedRun& run, const std::vector<std::string>& users) {
  std::vector<std::string> problems;
  std::vector<Index> found;
  for (const std::string& user : users) {
    if (const auto index = run.users->find(user)) {
      found.push_back(*index);
    } else {
      problems.push_back(cat("user: '", user, "' is not in this run",
                             suggestion(user, run.users->tokens()),
                             "; for a person it has not seen give --history with items"));
    }
  }
  if (!problems.empty()) throw Error(Exit::bad_data, problems);
  return found;
}

RecommendedItem describe(const OpenedRun& run, Index item, double score) {
  const auto at = static_cast<size_t>(item);
  return {run.items->token(item), run.titles[at], score, run.training_counts[at] == 0};
}

/// The queries of a request with what each may not be given.
struct Prepared {
  std::vector<model::Query> queries;
  std::vector<std::vector<Index>> masked;
  std::vector<Recommendation> results;
};

/// `known`: what the person knows beyond the history.
void add_query(Prepared& prepared, std::vector<Index> history, std::vector<Index> known,
               const OpenedRun& run) {
  Recommendation& result = prepared.results.back();
  for (const Index item : history) result.history.push_back(run.items->token(item));
  known.insert(known.end(), history.begin(), history.end());
  prepared.masked.push_back(std::move(known));
  prepared.queries.back().history = std::move(history);
}

Prepared prepare_queries(const OpenedRun& run, const RecommendRequest& request,
                         const std::vector<Index>& excluded) {
  Prepared prepared;
  if (request.users.empty()) {
    Recommendation& result = prepared.results.emplace_back();
    result.cold = true;
    std::vector<Index> history = indices(request.history, *run.items, result.unknown);
    if (history.empty())
      throw Error(Exit::bad_data, "history",
                  cat("none of its ", request.history.size(),
                      " items is in this run: ", join(result.unknown, ", ")));
    prepared.queries.emplace_back();
    add_query(prepared, std::move(history), {}, run);
  }
  for (const Index user : user_indices(run, request.users)) {
    prepared.results.emplace_back().user = run.users->token(user);
    prepared.results.back().cold = run.train[static_cast<size_t>(user)].empty();
    prepared.queries.emplace_back().user = user;
    add_query(prepared, run.history[static_cast<size_t>(user)],
              run.known[static_cast<size_t>(user)], run);
  }
  for (std::vector<Index>& masked : prepared.masked) {
    if (request.keep_seen) masked.clear();
    masked.insert(masked.end(), excluded.begin(), excluded.end());
    sort_unique(masked);
  }
  return prepared;
}

}  // namespace

std::vector<Recommendation> recommend(OpenedRun& run, const RecommendRequest& request,
                                      std::stop_token stop) {
  if (request.top < 1)
    throw Error(Exit::usage, "--top", cat("got ", request.top, ", expected >= 1"));
  Allowed allowed = allowed_items(run, request);
  Prepared prepared = prepare_queries(run, request, allowed.excluded);
  sort_unique(allowed.among);
  const std::vector<uint32_t> ties = eval::tie_ranks(run.items->tokens());

  const size_t block =
      static_cast<size_t>(std::max<int64_t>(1, run.recommender->preferred_queries()));
  for (size_t begin = 0; begin < prepared.queries.size(); begin += block) {
    if (stop.stop_requested()) throw Error(Exit::interrupted, "recommend", "stopped");
    const size_t count = std::min(block, prepared.queries.size() - begin);
    const model::TopItems top =
        run.recommender->top({.queries = std::span(prepared.queries).subspan(begin, count),
                              .k = request.top,
                              .masked = std::span(prepared.masked).subspan(begin, count),
                              .tie_ranks = ties,
                              .among = allowed.among});
    for (size_t q = 0; q < count; ++q) {
      Recommendation& result = prepared.results[begin + q];
      for (size_t r = 0; r < top.items[q].size(); ++r)
        result.items.push_back(describe(run, top.items[q][r], top.scores[q][r]));
      result.truncated = static_cast<int64_t>(result.items.size()) < request.top;
    }
  }
  return std::move(prepared.results);
}

Recommendation score_items(OpenedRun& run, const RecommendRequest& request,
                           const std::vector<std::string>& items) {
  Prepared prepared = prepare_queries(run, request, {});
  Recommendation result = std::move(prepared.results.front());
  const std::vector<Index> candidates = indices(items, *run.items, result.unknown);
  if (candidates.empty())
    throw Error(Exit::bad_data, "--items",
                "none of these items is in this run: " + join(items, ", "));
  const std::vector<int64_t> wide(candidates.begin(), candidates.end());
  const torch::Tensor asked = torch::tensor(wide, torch::kLong).unsqueeze(0);
  const torch::NoGradGuard no_gradient;
  const torch::Tensor scores = run.recommender->score(prepared.queries, asked);
  const auto plain = [](const torch::Tensor& values) {
    return values.to(torch::kCPU, torch::kDouble).contiguous();
  };
  const torch::Tensor known = plain(scores);
  torch::Tensor chances;
  if (run.recommender->capabilities().probabilities)
    chances = plain(run.recommender->probabilities(scores));
  for (size_t c = 0; c < candidates.size(); ++c) {
    result.items.push_back(describe(run, candidates[c], known.data_ptr<double>()[c]));
    if (chances.defined()) result.items.back().probability = chances.data_ptr<double>()[c];
  }
  return result;
}

std::string answer(OpenedRun& run, const std::string& user, const std::string& question) {
  RecommendRequest request;
  request.users = {user};
  const Prepared prepared = prepare_queries(run, request, {});
  if (!run.recommender->capabilities().answers)
    throw Error(Exit::config, run.folder.root.string(),
                cat(run.method,
                    " does not have the capability 'answers' (text in reply to a "
                    "question); it recommends and scores items"));
  const torch::NoGradGuard no_gradient;
  return run.recommender->answer(
      {.queries = prepared.queries, .candidates = {}, .question = question})[0];
}

Json to_json(const Recommendation& recommendation) {
  Json json = Json::object();
  json["schema"] = schema;
  json["user"] = recommendation.user.empty() ? Json(nullptr) : Json(recommendation.user);
  json["history"] = recommendation.history;
  json["cold"] = recommendation.cold;
  json["truncated"] = recommendation.truncated;
  json["unknown"] = recommendation.unknown;
  json["items"] = Json::array();
  for (const RecommendedItem& item : recommendation.items) {
    json["items"].push_back(
        {{"item", item.item}, {"title", item.title}, {"score", item.score}, {"cold", item.cold}});
    if (item.probability) json["items"].back()["probability"] = *item.probability;
  }
  return json;
}

namespace {

/// The last items of a history by title.
std::string last_titles(const Recommendation& recommendation, const OpenedRun& run, size_t most) {
  const size_t count = recommendation.history.size();
  std::string text;
  for (size_t i = count > most ? count - most : 0; i < count; ++i) {
    const auto index = run.items->find(recommendation.history[i]);
    if (index) text += (text.empty() ? "" : "; ") + run.titles[static_cast<size_t>(*index)];
  }
  return count > most ? cat("… ", text) : text;
}

}  // namespace

std::string to_text(const Recommendation& recommendation, const OpenedRun& run) {
  std::ostringstream out;
  out << (recommendation.user.empty() ? "a person never seen" : recommendation.user) << " ("
      << recommendation.history.size() << " items known: " << last_titles(recommendation, run, 3)
      << ")\n";
  if (!recommendation.unknown.empty())
    out << "  not in this run: " << join(recommendation.unknown, ", ") << '\n';
  size_t width = 4;
  for (const RecommendedItem& item : recommendation.items)
    width = std::max(width, item.item.size());
  int rank = 0;
  for (const RecommendedItem& item : recommendation.items)
    out << std::setw(4) << ++rank << "  " << std::left << std::setw(static_cast<int>(width))
        << item.item << std::right << "  " << std::setw(10) << number(item.score, 5) << "  "
        << (item.probability ? cat("p ", number(*item.probability, 3), "  ") : "")
        << (item.title == item.item ? "" : item.title) << (item.cold ? "  [cold]" : "") << '\n';
  if (recommendation.truncated) out << "  (no more items are left to recommend)\n";
  return out.str();
}

}  // namespace kindred::run
