// Draw with onnxruntime's C++ API: `draw OUTPUT CLASSES TRUNCATES SEED...`, in a bundle's folder.
// CLASSES is 0 for models that draw without labels, and TRUNCATES is 1 for those with an input `truncation`.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <onnxruntime_cxx_api.h>

void print(const char* name, const Ort::Value& value) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  const bool bytes = info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
  const auto* data = static_cast<const uint8_t*>(value.GetTensorRawData());
  std::cout << ", \"" << name << "\": [";
  for (size_t i = 0; i < info.GetElementCount() * (bytes ? 1 : 4); i++) std::cout << (i ? "," : "") << int(data[i]);
  std::cout << "]";
}

int main(int argc, char** argv) {
  const int64_t classes = std::atoll(argv[2]);
  std::vector<int64_t> seeds;
  for (int i = 4; i < argc; i++) seeds.push_back(std::strtoll(argv[i], nullptr, 10));
  std::vector<int64_t> batch{int64_t(seeds.size())};

  Ort::Env env;
  auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  auto tensor = [&](auto& values, const std::vector<int64_t>& shape) {
    return Ort::Value::CreateTensor(memory, values.data(), values.size(), shape.data(), shape.size());
  };

  Ort::Session seeder(env, ORT_TSTR("latents.onnx"), Ort::SessionOptions{});
  const char *seed = "seed", *latents = "latents", *wanted = argv[1];
  auto given = tensor(seeds, batch);
  auto inputs = seeder.Run(Ort::RunOptions{}, &seed, &given, 1, &latents, 1);
  std::vector<const char*> names{latents};

  std::vector<int64_t> labels;
  for (auto each : seeds) labels.push_back(classes ? ((each % classes) + classes) % classes : 0);
  if (classes) {
    names.push_back("label");
    inputs.push_back(tensor(labels, batch));
  }
  std::vector<float> truncation{1};
  if (std::string(argv[3]) == "1") {
    names.push_back("truncation");
    inputs.push_back(tensor(truncation, {}));
  }

  Ort::Session generator(env, ORT_TSTR("generator.onnx"), Ort::SessionOptions{});
  auto outputs = generator.Run(Ort::RunOptions{}, names.data(), inputs.data(), inputs.size(), &wanted, 1);
  std::cout << "{\"version\": \"" << Ort::GetVersionString() << "\"";
  print("latents", inputs[0]);
  print("samples", outputs[0]);
  std::cout << "}" << std::endl;
}
