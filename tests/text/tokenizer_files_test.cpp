// Tokenizer files that are damaged or made to harm: one clear error each, naming file and place.

#include <gtest/gtest.h>

#include "core/error.h"
#include "text/text_fixture.h"
#include "text/tokenizer.h"

namespace kindred::text {
namespace {

constexpr const char* kSmallest = R"({
  "added_tokens": [{"id": 3, "content": "<s>", "special": true}],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
  "post_processor": null,
  "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
})";

/// The message of the error that `load` throws, its code first ("65 file: ...").
template <class Load>
std::string refusal(Load&& load) {
  try {
    load();
  } catch (const Error& error) {
    EXPECT_EQ(error.lines().size(), 1u);
    return std::to_string(static_cast<int>(error.code())) + " " + error.what();
  }
  return "accepted";
}

std::string refusal_of_json(const std::string& json) {
  return refusal([&] { Tokenizer::from_json(json, "t"); });
}

/// The smallest tokenizer with one value replaced (by JSON pointer).
std::string changed(const std::string& pointer, const std::string& value) {
  Fixture json = Fixture::parse(kSmallest);
  json[Fixture::json_pointer(pointer)] = Fixture::parse(value);
  return json.dump();
}

TEST(TokenizerFiles, TheSmallestIsFine) {
  EXPECT_EQ(Tokenizer::from_json(kSmallest, "t")->encode("abba<s>ab"),
            (std::vector<int32_t>{2, 1, 0, 3, 2}));
}

TEST(TokenizerFiles, EveryFaultOfATokenizerJsonIsNamed) {
  const struct {
    const char *pointer, *value, *message;
  } faults[] = {
      {"/model/vocab/ab", "7", "65 t: no token has the id 2, expected one for each id up to 7"},
      {"/model/vocab/ab", "1",
       "65 t: model.vocab: token \"b\": its id 1 already belongs to \"ab\""},
      {"/model/vocab/ab", "-1",
       "65 t: model.vocab: token \"ab\": got id -1, expected one from 0 to"},
      {"/model/vocab/ab", "9000000000000000000", "65 t: model.vocab: token \"ab\": got id 9000000"},
      {"/model/vocab/ab", "18446744073709551615", "65 t: model.vocab[\"ab\"]: got the number 184"},
      {"/model/vocab/ab", "2.5", "65 t: model.vocab[\"ab\"]: got the number 2.5, expected a token"},
      {"/model/vocab/ab", "\"2\"", "65 t: model.vocab[\"ab\"]: got the string \"2\", expected a"},
      {"/model/vocab/ab", "null", "65 t: model.vocab[\"ab\"]: got null, expected a token"},
      {"/model/vocab", "{}",
       "65 t: model.merges[0]: merge of \"a\" and \"b\": \"a\" is not in the"},
      {"/model/vocab", "[]", "65 t: model.vocab: got an array, expected an object"},
      {"/model/vocab", "null", "65 t: model: the key \"vocab\" is missing"},
      {"/model/merges", "[\"a c\"]",
       "65 t: model.merges[0]: merge of \"a\" and \"c\": \"c\" is not"},
      {"/model/merges", "[\"a b\", \"b a\"]",
       "65 t: model.merges[1]: merge of \"b\" and \"a\": \"ba\""},
      {"/model/merges", "[\"ab\"]",
       "65 t: model.merges[0]: got \"ab\", expected two tokens with one"},
      {"/model/merges", "[\"a b c\"]", "65 t: model.merges[0]: got \"a b c\", expected two tokens"},
      {"/model/merges", "[[\"a\"]]", "65 t: model.merges[0]: got an array, expected two tokens"},
      {"/model/merges", "[[\"a\", 1]]", "65 t: model.merges[0]: got an array, expected two tokens"},
      {"/model/merges", "[[\"a\", \"b\", 1]]", "65 t: model.merges[0]: got an array, expected two"},
      {"/model/merges", "[5]", "65 t: model.merges[0]: got the number 5, expected two tokens"},
      {"/model/merges", "null", "65 t: model: the key \"merges\" is missing"},
      {"/model/type", "\"WordLevel\"", "65 t: model.type: got \"WordLevel\", expected BPE"},
      {"/model/type", "\"WordPiece\"", "65 t: model.type: got WordPiece, expected BPE with byte"},
      {"/model/dropout", "0.1", "65 t: model.dropout: got the number 0.1, expected null"},
      {"/model/unk_token", "\"<unk>\"",
       "65 t: model.unk_token: \"<unk>\" is not in the vocabulary"},
      {"/model/end_of_word_suffix", "\"</w>\"", "65 t: model.end_of_word_suffix: expected null or"},
      {"/model/byte_fallback", "true", "65 t: model: got byte_fallback true, expected false"},
      {"/model/fuse_unk", "1", "65 t: model.fuse_unk: got the number 1, expected true or false"},
      {"/model", "[]", "65 t: model: got an array, expected an object"},
      {"/added_tokens/0/id", "1", "65 t: added_tokens[0]: token \"<s>\": its id 1 already belongs"},
      {"/added_tokens/0/content", "\"ab\"",
       "65 t: added_tokens[0]: token \"ab\": got two ids, 2 and 3"},
      {"/added_tokens/0/content", "\"\"", "65 t: added_tokens[0]: the token's content is empty"},
      {"/added_tokens/0/content", "7",
       "65 t: added_tokens[0].content: got the number 7, expected a"},
      {"/added_tokens/0/id", "2147483648",
       "65 t: added_tokens[0]: token \"<s>\": got id 2147483648"},
      {"/added_tokens", "{}", "65 t: added_tokens: got an object, expected an array"},
      {"/pre_tokenizer/type", "\"UnicodeScripts\"",
       "65 t: pre_tokenizer.type: got \"UnicodeScripts\", expected"},
      {"/pre_tokenizer",
       R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}, {"type": "Digits"}]})",
       "65 t: pre_tokenizer.pretokenizers[1]: got a step after ByteLevel"},
      {"/pre_tokenizer",
       R"({"type": "Split", "pattern": {"Regex": "(a*)*b"}, "behavior": "Isolated"})",
       "65 t: pre_tokenizer.pattern.Regex: got \"(a*)*b\", expected the expression of GPT-2"},
      {"/normalizer", R"({"type": "Nmt"})", "65 t: normalizer.type: got \"Nmt\""},
      {"/normalizer", R"({"type": "Replace", "pattern": {"String": ""}, "content": "x"})",
       "65 t: normalizer.pattern.String: the pattern is empty"},
      {"/decoder/type", "\"CTC\"", "65 t: decoder.type: got \"CTC\", expected ByteLevel"},
      {"/post_processor", R"({"type": "RobertaProcessing", "sep": ["x", 4], "cls": ["y", 0]})",
       "65 t: post_processor.sep[1]: got id 4, expected one of the vocabulary's 4"},
      {"/post_processor", R"({"type": "BertProcessing", "sep": ["x"], "cls": ["y", 0]})",
       "65 t: post_processor.sep: got an array, expected a token and its id"},
      {"/post_processor", R"({"type": "TemplateProcessing", "single": []})",
       "65 t: post_processor: the template for one text has no sequence A"},
      {"/post_processor",
       R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}], "special_tokens": {}})",
       "65 t: post_processor.special_tokens: the key \"x\" is missing"},
  };
  for (const auto& fault : faults) {
    const std::string message = refusal_of_json(changed(fault.pointer, fault.value));
    EXPECT_TRUE(message.starts_with(fault.message)) << message << "\n  expected " << fault.message;
  }
}

TEST(TokenizerFiles, JsonThatIsNoneIsNamedWithItsPlace) {
  const std::string whole = kSmallest;
  for (size_t length = 0; length + 1 < whole.size(); length += 7) {
    const std::string message = refusal_of_json(whole.substr(0, length));
    EXPECT_TRUE(message.starts_with("65 t: not valid JSON at byte ")) << message;
  }
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_TRUE(refusal_of_json(deep).starts_with("65 t: not valid JSON"));
  EXPECT_TRUE(refusal_of_json("\xFF\xFE").starts_with("65 t: not valid JSON"));
  EXPECT_TRUE(refusal_of_json("3").starts_with("65 t: got the number 3, expected an object"));
  std::string text = R"({"model": {"vocab": {"a": 0, "a": 0}, "merges": []}})";
  EXPECT_EQ(refusal_of_json(text), "65 t: model.vocab: token \"a\": it is there twice");
  text = R"({"model": {}, "model": {}})";
  EXPECT_EQ(refusal_of_json(text), "65 t: the key \"model\" is there twice");
  text = R"({"model": {"vocab": {"a\udc00": 0}, "merges": []}})";
  EXPECT_TRUE(refusal_of_json(text).starts_with("65 t: ")) << refusal_of_json(text);
  std::string nested = R"({"type": "NFC"})";
  for (int i = 0; i < 40; ++i) nested = R"({"type": "Sequence", "normalizers": [)" + nested + "]}";
  EXPECT_NE(refusal_of_json(changed("/normalizer", nested)).find("nest deeper"), std::string::npos);
}

TEST(TokenizerFiles, FoldersOfTwoFiles) {
  const auto load = [](const std::string& vocab, const std::string& merges) {
    TestFolder folder;
    folder.write("vocab.json", vocab);
    folder.write("merges.txt", merges);
    std::string message = refusal([&] { Tokenizer::load(folder.path()); });
    const std::string name = folder.path().string() + "/";
    if (const size_t at = message.find(name); at != std::string::npos)
      message.erase(at, name.size());
    return message;
  };
  const std::string vocab = R"({"a": 0, "b": 1, "ab": 2})";
  EXPECT_EQ(load(vocab, "#version: 0.2\na b\n"), "accepted");
  EXPECT_EQ(load(vocab, "a b\r\n\r\n"), "accepted");
  EXPECT_EQ(load(vocab, ""), "65 merges.txt: the file has no merges; it may be incomplete");
  EXPECT_EQ(load(vocab, "#version: 0.2\na b\na x\n"),
            "65 merges.txt:3: merge of \"a\" and \"x\": \"x\" is not in the vocabulary");
  EXPECT_EQ(load(vocab, "#version: 0.2\na"),
            "65 merges.txt:2: got \"a\", expected two tokens with one space between them");
  EXPECT_EQ(load(R"({"a": 0, "b": 2, "ab": 3})", "a b\n"),
            "65 vocab.json: no token has the id 1, expected one for each id up to 3, the largest");
  EXPECT_TRUE(load(R"({"a": 0,)", "a b\n").starts_with("65 vocab.json: not valid JSON at byte 9"));
  EXPECT_TRUE(load("", "a b\n").starts_with("65 vocab.json: not valid JSON"));
}

TEST(TokenizerFiles, FoldersWithAListOfTokens) {
  TestFolder folder;
  const std::string tokens =
      "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nA\n##b\n\xC3\xA1\n\xE4\xB8\xAD\n.\n";
  const auto ids = [&](const char* config) {
    folder.write("vocab.txt", tokens);
    folder.write("tokenizer_config.json", config);
    return Tokenizer::load(folder.path())
        ->encode(
            "A\xC3\x81 \xC3\xA1"
            "b \xE4\xB8\xAD"
            "a [MASK].");
  };
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(ids("{}"), (Ids{2, 1, 5, 7, 9, 5, 4, 10, 3}));
  EXPECT_EQ(ids(R"({"do_lower_case": false})"), (Ids{2, 1, 8, 7, 9, 5, 4, 10, 3}));
  EXPECT_EQ(ids(R"({"strip_accents": false})"), (Ids{2, 1, 8, 7, 9, 5, 4, 10, 3}));
  EXPECT_EQ(ids(R"({"tokenize_chinese_chars": false})"), (Ids{2, 1, 5, 7, 1, 4, 10, 3}));
  const auto message = [&](const std::string& vocabulary, const char* config) {
    folder.write("vocab.txt", vocabulary);
    folder.write("tokenizer_config.json", config);
    const std::string said = refusal([&] { Tokenizer::load(folder.path()); });
    const std::string name = folder.path().string() + "/";
    const size_t at = said.find(name);
    return at == std::string::npos ? said : said.substr(0, at) + said.substr(at + name.size());
  };
  EXPECT_EQ(message("", "{}"), "65 vocab.txt: the unknown token \"[UNK]\" is missing");
  EXPECT_EQ(message("[UNK]\na\na\n", "{}"),
            "65 vocab.txt:3: token \"a\": got two ids, 1 and 2, expected one");
  EXPECT_TRUE(message("[UNK]\n\xFF\n", "{}").starts_with("65 vocab.txt:2: the token "));
  EXPECT_TRUE(message(tokens, R"({"never_split": ["a"]})")
                  .starts_with("65 tokenizer_config.json: never_split: got words"));
  EXPECT_EQ(message(tokens, R"({"never_split": null, "do_basic_tokenize": true})"), "accepted");
  EXPECT_TRUE(message(tokens, R"({"do_basic_tokenize": false})")
                  .starts_with("65 tokenizer_config.json: do_basic_tokenize: got false"));
  EXPECT_NE(message(tokens, R"({"tokenizer_class": "MPNetTokenizer"})").find("MPNetTokenizer"),
            std::string::npos);
}

TEST(TokenizerFiles, SpacesBeforeSignsAreTakenOutWhereTheFolderSaysSo) {
  Fixture json = fixture("word_piece.json")["tokenizer"];
  json["decoder"]["cleanup"] = false;
  TestFolder folder;
  folder.write("tokenizer.json", json.dump());
  const auto text = [&](const char* config) {
    folder.write("tokenizer_config.json", config);
    const auto tokenizer = Tokenizer::load(folder.path());
    return tokenizer->decode(tokenizer->encode("a!", {.add_special_tokens = false}));
  };
  EXPECT_EQ(text("{}"), "a !");
  EXPECT_EQ(text(R"({"clean_up_tokenization_spaces": true})"), "a!");
}

TEST(TokenizerFiles, FilesThatAreNotThere) {
  TestFolder folder;
  EXPECT_TRUE(refusal([&] { Tokenizer::load(folder.path()); }).starts_with("66 "));
  EXPECT_TRUE(refusal([&] { Tokenizer::load(folder.path() / "none"); }).starts_with("66 "));
  folder.write("vocab.json", "{}");
  const std::string message = refusal([&] { Tokenizer::load(folder.path()); });
  EXPECT_TRUE(message.starts_with("66 ") && message.find("merges.txt") != std::string::npos)
      << message;
}

TEST(TokenizerFiles, ConfigurationsBeside) {
  TestFolder folder;
  folder.write("tokenizer.json", kSmallest);
  const auto load = [&] { return refusal([&] { Tokenizer::load(folder.path()); }); };
  folder.write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": {"content": "ab"},
    "pad_token": null, "unk_token": "", "additional_special_tokens": ["b", "zz"]})");
  const auto tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer->bos(), 3);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_EQ(tokenizer->pad(), std::nullopt);
  EXPECT_EQ(tokenizer->unk(), std::nullopt);
  EXPECT_EQ(tokenizer->size(), 4);
  EXPECT_TRUE(tokenizer->is_special(1) && tokenizer->is_special(2) && !tokenizer->is_special(0));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("<s>aba"), true), "a");
  EXPECT_EQ(tokenizer->encode("<s>ab", {.parse_special = false}), (std::vector<int32_t>{2}));
  for (const char* broken : {"{", R"({"bos_token": 5})", R"({"eos_token": {}})", "[]",
                             R"({"added_tokens_decoder": {"x": {"content": "y"}}})",
                             R"({"additional_special_tokens": [1]})", R"({"add_bos_token": 3})"}) {
    folder.write("tokenizer_config.json", broken);
    const std::string message = load();
    EXPECT_TRUE(message.starts_with("65 ")) << message;
    EXPECT_NE(message.find("tokenizer_config.json"), std::string::npos) << message;
  }
}

TEST(TokenizerFiles, TokensNamedOnlyByTheFolderFollowTheVocabulary) {
  TestFolder folder;
  folder.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2})");
  folder.write("merges.txt", "a b\n");
  EXPECT_EQ(Tokenizer::load(folder.path())->size(), 3);
  folder.write("config.json", R"({"model_type": "gpt2"})");
  folder.write("added_tokens.json", R"({"<x>": 3})");
  folder.write("special_tokens_map.json", R"({"pad_token": "<pad>", "bos_token": "<x>"})");
  const auto tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer->size(), 6);
  EXPECT_EQ(tokenizer->piece(4), "<|endoftext|>");
  EXPECT_EQ(tokenizer->pad(), 5);
  EXPECT_EQ(tokenizer->bos(), 3);
  EXPECT_EQ(tokenizer->encode("ab<x><pad>b"), (std::vector<int32_t>{2, 3, 5, 1}));
  folder.write("added_tokens.json", R"({"<x>": 4})");
  EXPECT_TRUE(refusal([&] { Tokenizer::load(folder.path()); }).starts_with("65 "));
}

}  // namespace
}  // namespace kindred::text
