#include "eval/metrics/metric.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::eval {

namespace {

using Kind = MetricKind;
using Family = MetricFamily;

constexpr int largest_allowed_cutoff = 1'000'000;

constexpr std::array<MetricInfo, 18> registry{{
    {Kind::recall, "recall", Family::ranking, true, true, true,
     "hits in the top K / relevant items; mean over users"},
    {Kind::truncated_recall, "truncated-recall", Family::ranking, true, true, true,
     "hits in the top K / min(K, relevant items); mean over users"},
    {Kind::hit, "hit", Family::ranking, true, true, true,
     "share of users with a relevant item in the top K"},
    {Kind::ndcg, "ndcg", Family::ranking, true, true, true,
     "binary gain, discount 1/log2(rank+1), ideal over min(K, relevant items); mean over users"},
    {Kind::mrr, "mrr", Family::ranking, true, true, true,
     "1 / rank of the first hit in the top K, 0 without one; mean over users"},
    {Kind::map, "map", Family::ranking, true, true, true,
     "precision at each hit in the top K, summed, / min(K, relevant items); mean over users"},
    {Kind::precision, "precision", Family::ranking, true, true, true,
     "hits in the top K / K; mean over users"},
    {Kind::coverage, "coverage", Family::ranking, true, true, false,
     "share of the catalogue in at least one user's top K"},
    {Kind::auc, "auc", Family::pointwise, false, true, false,
     "area under the ROC curve over all rows together, average ranks for ties"},
    {Kind::uauc, "uauc", Family::pointwise, false, true, true,
     "AUC of each user with two rows or more and both labels; plain mean over these users"},
    {Kind::gauc, "gauc", Family::pointwise, false, true, false,
     "AUC of each user with two rows or more and both labels; mean weighted by positives"},
    {Kind::pointwise_ndcg, "ndcg", Family::pointwise, false, true, true,
     "each user's whole list, binary gain, discount 1/log2(rank+1), expectation over ties; mean "
     "over "
     "the users of uauc"},
    {Kind::logloss, "logloss", Family::pointwise, false, false, false,
     "mean of -ln(probability of the true label) over rows; lower is better; n/a where scores are "
     "no probabilities"},
    {Kind::brier, "brier", Family::pointwise, false, false, false,
     "mean of (probability - label)^2 over rows; lower is better; n/a where scores are no "
     "probabilities"},
    {Kind::ece, "ece", Family::pointwise, true, false, false,
     "rows in K bins of equal width by their probability: |mean label - mean probability| of each "
     "bin, weighted by its share of rows; lower is better; n/a where scores are no probabilities"},
    {Kind::exact, "exact", Family::text, true, true, true,
     "share of users whose generated answer is the title of a relevant item (K = 1)"},
    {Kind::title_contains, "title-contains", Family::text, true, true, true,
     "share of users whose generated answer, in lower case and between its first and last "
     "quotation mark where it has one (one mark alone leaves nothing), contains the title of a "
     "relevant item (K = 1)"},
    {Kind::valid, "valid", Family::text, true, true, true,
     "share of users whose generated answer is the title of one of the candidates (K = 1)"},
}};

bool text_only_at_one(const MetricInfo& info) {
  return info.family == Family::text;
}

int example_cutoff(const MetricInfo& info) {
  if (text_only_at_one(info)) return 1;
  return info.kind == Kind::ece ? 10 : 20;
}

const MetricInfo* find_info(std::string_view base, bool with_cutoff) {
  for (const MetricInfo& info : registry) {
    if (base == info.name && info.has_cutoff == with_cutoff) return &info;
  }
  return nullptr;
}

std::vector<std::string> known_names(std::string_view cutoff) {
  std::vector<std::string> names;
  for (const MetricInfo& info : registry) {
    std::string name = info.name;
    if (info.has_cutoff) {
      name += '@';
      name += text_only_at_one(info) || cutoff.empty() ? "1" : std::string(cutoff);
    }
    names.push_back(std::move(name));
  }
  return names;
}

[[noreturn]] void refuse(std::string_view name, const std::string& why) {
  throw Error(Exit::config, "metrics", cat("got '", name, "', ", why));
}

int parse_cutoff(std::string_view name, std::string_view text, const MetricInfo& info) {
  int k = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), k);
  const bool whole = status == std::errc() && end == text.data() + text.size();
  if (!whole || k < 1 || k > largest_allowed_cutoff) {
    refuse(name, cat("expected a cut-off from 1 to ", largest_allowed_cutoff, " after '@'"));
  }
  if (text_only_at_one(info) && k != 1) refuse(name, cat("expected ", info.name, "@1: one answer"));
  return k;
}

}  // namespace

std::span<const MetricInfo> all_metrics() {
  return registry;
}

const MetricInfo& metric_info(MetricKind kind) {
  const auto found = std::ranges::find(registry, kind, &MetricInfo::kind);
  check(found != registry.end(), "every metric kind is registered");
  return *found;
}

std::string metric_name(const Metric& metric) {
  const MetricInfo& info = metric_info(metric.kind);
  return info.has_cutoff ? cat(info.name, "@", metric.k) : std::string(info.name);
}

Metric parse_metric(std::string_view name) {
  const size_t at = name.find('@');
  const bool with_cutoff = at != std::string_view::npos;
  const std::string_view base = name.substr(0, at);
  const std::string_view cutoff = with_cutoff ? name.substr(at + 1) : std::string_view();
  if (const MetricInfo* info = find_info(base, with_cutoff)) {
    return {info->kind, with_cutoff ? parse_cutoff(name, cutoff, *info) : 0};
  }
  if (const MetricInfo* info = find_info(base, !with_cutoff)) {
    if (with_cutoff) refuse(name, cat("expected '", base, "': this metric has no cut-off"));
    refuse(name, cat("expected a cut-off, such as '", base, "@", example_cutoff(*info), "'"));
  }
  const std::vector<std::string> known = known_names(cutoff);
  throw Error(Exit::config, "metrics",
              cat("unknown metric '", name, "'", suggestion(name, known),
                  "; `kindred list metrics` shows all"));
}

std::vector<Metric> parse_metrics(std::span<const std::string> names) {
  std::vector<Metric> metrics;
  std::vector<std::string> problems;
  for (const std::string& name : names) {
    try {
      metrics.push_back(parse_metric(name));
    } catch (const Error& error) {
      problems.insert(problems.end(), error.lines().begin(), error.lines().end());
    }
  }
  if (!problems.empty()) throw Error(Exit::config, std::move(problems));
  return metrics;
}

int largest_cutoff(std::span<const Metric> metrics) {
  int largest = 0;
  for (const Metric& metric : metrics)
    if (metric_info(metric.kind).family == MetricFamily::ranking)
      largest = std::max(largest, metric.k);
  return largest;
}

std::vector<std::string> metric_names(std::span<const Metric> metrics) {
  std::vector<std::string> names;
  for (const Metric& metric : metrics) names.push_back(metric_name(metric));
  return names;
}

}  // namespace kindred::eval
