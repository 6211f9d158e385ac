#include "text/post_processor.h"

#include <algorithm>

#include "core/strings.h"

namespace kindred::text {

using Part = PostProcessor::Part;

PostProcessor::PostProcessor(std::vector<int32_t> prefix, std::vector<int32_t> suffix)
    : prefix_(std::move(prefix)), suffix_(std::move(suffix)) {
  pair_->clear();
  for (const int32_t type : {0, 1}) {
    for (const int32_t id : prefix_) pair_->push_back({id, type});
    pair_->push_back({type == 0 ? Part::kFirst : Part::kSecond, type});
    for (const int32_t id : suffix_) pair_->push_back({id, type});
  }
  adds_ = true;
}

PostProcessor PostProcessor::of_bert(int32_t cls, int32_t sep) {
  PostProcessor result({cls}, {sep});
  result.pair_ = {{cls, 0}, {Part::kFirst, 0}, {sep, 0}, {Part::kSecond, 1}, {sep, 1}};
  return result;
}

PostProcessor PostProcessor::of_roberta(int32_t cls, int32_t sep) {
  PostProcessor result({cls}, {sep});
  result.pair_ = {{cls, 0}, {Part::kFirst, 0}, {sep, 0}, {sep, 0}, {Part::kSecond, 0}, {sep, 0}};
  return result;
}

/// Reads one processor of a chain after the other.
struct PostProcessor::Reader {
  int32_t size;
  PostProcessor result = {};

  void read(const JsonNode& node, int depth) {
    if (depth > 16) node.fail("sequences nest deeper than 16");
    const JsonNode type = node.at("type");
    const std::string_view name = type.text();
    if (name == "ByteLevel") return;  // trims offsets, changes no id
    if (name == "Sequence") {
      node.at("processors").each([&](const JsonNode& part) { read(part, depth + 1); });
    } else if (name == "TemplateProcessing") {
      add(template_of(node));
    } else if (name == "RobertaProcessing") {
      add(of_roberta(token_and_id(node.at("cls")), token_and_id(node.at("sep"))));
    } else if (name == "BertProcessing") {
      add(of_bert(token_and_id(node.at("cls")), token_and_id(node.at("sep"))));
    } else {
      type.fail(
          cat("got ", shown(name),
              ", expected ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing or "
              "Sequence"));
    }
  }

  /// A later processor puts its tokens around those of an earlier one; of two texts the chain's
  /// result is left open.
  void add(const PostProcessor& next) {
    result.prefix_.insert(result.prefix_.begin(), next.prefix_.begin(), next.prefix_.end());
    result.suffix_.insert(result.suffix_.end(), next.suffix_.begin(), next.suffix_.end());
    result.pair_ = result.adds_ ? std::nullopt : next.pair_;
    result.adds_ = true;
  }

  int32_t known_id(const JsonNode& node) const {
    const int64_t id = node.integer();
    if (id < 0 || id >= size) {
      node.fail(cat("got id ", id, ", expected one of the vocabulary's ", size));
    }
    return static_cast<int32_t>(id);
  }

  /// ["</s>", 2]
  int32_t token_and_id(const JsonNode& node) const {
    std::optional<int32_t> id;
    size_t i = 0;
    node.each([&](const JsonNode& part) {
      if (i++ == 1) id = known_id(part);
    });
    if (i != 2 || !id) node.expected("a token and its id");
    return *id;
  }

  /// The parts of one text's or two texts' template.
  std::vector<Part> parts_of(const JsonNode& node, const JsonNode& parts) const {
    const auto special_tokens = node.find("special_tokens");
    std::vector<Part> result;
    parts.each([&](const JsonNode& part) {
      if (const auto text = part.find("Sequence")) {
        const std::string_view name = text->at("id").text();
        if (name != "A" && name != "B") text->fail(cat("got ", shown(name), ", expected A or B"));
        result.push_back({name == "A" ? Part::kFirst : Part::kSecond, type_of(*text)});
        return;
      }
      const JsonNode token = part.at("SpecialToken");
      if (!special_tokens) node.fail("the key \"special_tokens\" is missing");
      special_tokens->at(token.at("id").text()).at("ids").each([&](const JsonNode& id) {
        result.push_back({known_id(id), type_of(token)});
      });
    });
    return result;
  }

  static int32_t type_of(const JsonNode& node) {
    const auto type = node.find("type_id");
    const int64_t value = type ? type->integer() : 0;
    if (type && (value < 0 || value > 255)) type->expected("a type from 0 to 255");
    return static_cast<int32_t>(value);
  }

  static size_t count(const std::vector<Part>& parts, int32_t text) {
    return static_cast<size_t>(std::count_if(parts.begin(), parts.end(),
                                             [&](const Part& part) { return part.id == text; }));
  }

  PostProcessor template_of(const JsonNode& node) const {
    const JsonNode single = node.at("single");
    PostProcessor result;
    bool after = false;
    const std::vector<Part> parts = parts_of(node, single);
    if (count(parts, Part::kFirst) == 0) {
      node.fail("the template for one text has no sequence A");
    }
    if (count(parts, Part::kFirst) > 1 || count(parts, Part::kSecond) > 0) {
      single.fail("expected the sequence A once in a template for one text");
    }
    for (const Part& part : parts) {
      if (part.id == Part::kFirst) {
        after = true;
      } else {
        (after ? result.suffix_ : result.prefix_).push_back(part.id);
      }
    }
    if (const auto pair = node.find("pair")) {
      result.pair_ = parts_of(node, *pair);
      if (count(*result.pair_, Part::kFirst) != 1 || count(*result.pair_, Part::kSecond) != 1) {
        pair->fail("expected the sequences A and B once each in a template for two texts");
      }
    } else {
      result.pair_ = std::nullopt;
    }
    return result;
  }
};

PostProcessor PostProcessor::of_json(const JsonNode& node, int32_t size) {
  Reader reader{size};
  reader.read(node, 0);
  return std::move(reader.result);
}

}  // namespace kindred::text
