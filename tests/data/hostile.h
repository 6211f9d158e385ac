#pragma once
// What the tests of hostile input share. Inputs that are damaged, ambiguous or meant to hurt: each
// ends in a counted row or in an error that says where, never in a crash, a hang or silence.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/prepare.h"
#include "data/temporary.h"

namespace kindred::data {

/// Prepares one small file in a folder of its own.
class Hostile : public ::testing::Test {
 protected:
  PrepareOptions amazon(const std::string& content, const std::string& name = "reviews.json") {
    PrepareOptions made;
    made.format = "amazon-2014";
    made.input = folder_.write("in/" + name, content).string();
    made.output = (folder_.path() / "out").string();
    return made;
  }
  PrepareOptions csv(const std::string& content) {
    PrepareOptions made;
    made.format = "csv";
    made.input = folder_.write("in.csv", content).string();
    made.output = (folder_.path() / "out").string();
    made.columns = "user=u,item=i,rating=r,time=t";
    return made;
  }
  static std::string review(const std::string& user, const std::string& item,
                            const std::string& rating = "5.0",
                            const std::string& text = "\"fine\"") {
    return "{\"reviewerID\": \"" + user + "\", \"asin\": \"" + item +
           "\", \"reviewText\": " + text + ", \"overall\": " + rating +
           ", \"unixReviewTime\": 1393545600}\n";
  }
  static std::string reviews(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i)
      lines += review("u" + std::to_string(i % 7), "i" + std::to_string(i / 7));
    return lines;
  }
  std::shared_ptr<const Dataset> prepared(const PrepareOptions& options) {
    info_ = prepare(options).info;
    return load_dataset(options.output);
  }
  std::vector<std::string> train_reviews(const Dataset& dataset) {
    std::vector<std::string> texts;
    for (int64_t row = 0; row < dataset.train_reviews()->rows(); ++row)
      texts.push_back(dataset.train_reviews()->get(row));
    return texts;
  }
  void expect_error(const PrepareOptions& options, Exit code, const std::string& part) {
    const Caught error = caught([&] { prepare(options); });
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
    EXPECT_FALSE(fs::exists(options.output));
  }

  TemporaryFolder folder_;
  Json info_;
};

}  // namespace kindred::data
