#include "eval/metrics/expression.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::eval {

namespace {

// Reads "[+-] [number *] name" terms one after another.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<MetricExpression::Term> parse() {
    std::vector<MetricExpression::Term> terms;
    skip_space();
    if (done()) fail("expected a metric such as ndcg@10");
    while (!done()) {
      double sign = 1;
      if (peek() == '+' || peek() == '-') {
        sign = peek() == '-' ? -1 : 1;
        ++place_;
      } else if (!terms.empty()) {
        fail("expected '+' or '-' between metrics");
      }
      terms.push_back(term(sign));
      skip_space();
    }
    return terms;
  }

 private:
  bool done() const { return place_ == text_.size(); }
  char peek() const { return text_[place_]; }
  void skip_space() {
    while (!done() && std::isspace(static_cast<unsigned char>(peek()))) ++place_;
  }

  [[noreturn]] void fail(const std::string& expected) const {
    throw Error(Exit::config, "metric expression",
                cat("'", text_, "', character ", place_ + 1, ": ", expected));
  }

  MetricExpression::Term term(double sign) {
    skip_space();
    double weight = 1;
    if (!done() && (std::isdigit(static_cast<unsigned char>(peek())) || peek() == '.')) {
      const auto [end, status] =
          std::from_chars(text_.data() + place_, text_.data() + text_.size(), weight);
      if (status != std::errc() || !std::isfinite(weight)) fail("expected a weight");
      place_ = static_cast<size_t>(end - text_.data());
      skip_space();
      if (done() || peek() != '*') fail("expected '*' after a weight");
      ++place_;
      skip_space();
    }
    const size_t begin = place_;
    const Metric metric = parse_metric(name());
    const MetricInfo& info = metric_info(metric.kind);
    if ((sign * weight > 0) != info.higher_is_better && weight != 0) {
      place_ = begin;
      fail(info.higher_is_better
               ? cat("higher ", info.name, " is better, expected no minus before it")
               : cat("lower ", info.name, " is better, expected a minus before it"));
    }
    return {sign * weight, metric};
  }

  // A run of letters and hyphens may hold a minus: "auc-logloss" is two metrics, "truncated-recall"
  // one.
  std::string_view name() {
    size_t end = place_;
    while (end < text_.size() && (std::islower(static_cast<unsigned char>(text_[end])) ||
                                  std::isupper(static_cast<unsigned char>(text_[end])) ||
                                  text_[end] == '-' || text_[end] == '_')) {
      ++end;
    }
    if (end < text_.size() && text_[end] == '@') {
      ++end;
      while (end < text_.size() && std::isdigit(static_cast<unsigned char>(text_[end]))) ++end;
    }
    std::string_view run = text_.substr(place_, end - place_);
    for (const MetricInfo& info : all_metrics()) {
      const std::string_view known = info.name;
      if (!info.has_cutoff && run.starts_with(known) && run.size() > known.size() &&
          run[known.size()] == '-') {
        run = known;
        break;
      }
    }
    if (run.empty()) fail("expected a metric such as ndcg@10");
    place_ += run.size();
    return run;
  }

  std::string_view text_;
  size_t place_ = 0;
};

}  // namespace

MetricExpression MetricExpression::parse(std::string_view text) {
  MetricExpression expression;
  expression.terms_ = Parser(text).parse();
  return expression;
}

std::vector<Metric> MetricExpression::metrics() const {
  std::vector<Metric> distinct;
  for (const Term& term : terms_) {
    if (std::ranges::find(distinct, term.metric) == distinct.end()) distinct.push_back(term.metric);
  }
  return distinct;
}

std::string MetricExpression::text() const {
  std::string text;
  for (const Term& term : terms_) {
    if (term.weight < 0) {
      text += "-";
    } else if (!text.empty()) {
      text += "+";
    }
    const double size = std::abs(term.weight);
    if (size != 1) text += number(size) + "*";
    text += metric_name(term.metric);
  }
  return text;
}

double MetricExpression::value(const std::function<double(const Metric&)>& lookup) const {
  double sum = 0;
  for (const Term& term : terms_) sum += term.weight * lookup(term.metric);
  return sum;
}

double MetricExpression::value(const NamedValues& values) const {
  return value([&](const Metric& metric) { return value_of(values, metric_name(metric)); });
}

}  // namespace kindred::eval
