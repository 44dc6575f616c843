// Runs the kernels on small random input and prints what they make of it, a line each: for builds with AddressSanitizer
// and ThreadSanitizer, and for processors that are emulated. EF_ISA and EF_VW are the build's; the kernels themselves are
// linked beside it.
#include <stdio.h>
#include <stdlib.h>

#include <vector>

#include "look.h"
#include "warp.h"

#define DECLARE(name, ...) EF_API void EF_NAME(name)(__VA_ARGS__)
DECLARE(hash_encode, const HashGrid*, const float*, const float*, int64_t, float*);
DECLARE(hash_encode_backward, const HashGrid*, const float*, const float*, const float*, int64_t, float*, float*);
DECLARE(look, const Field*, const March*, const float*, const float*, const float*, int64_t, Tape*, float*, float*, float*,
        float*, int64_t*);
DECLARE(look_backward, const Field*, Tape*, const float*, const float*, const float*, const float*, float*, float* const*,
        float* const*, const float*, float*, float*);
DECLARE(spherical_harmonics, const float*, int64_t, int, float*);
DECLARE(spherical_harmonics_backward, const float*, const float*, int64_t, int, float*);
DECLARE(camera_rays, const double*, const double*, const double*, const double*, int64_t, int, const double*, int64_t,
        const int64_t*, const double*, int64_t, const double*, float*, float*, int32_t*);
DECLARE(camera_rays_backward, const double*, const double*, const double*, const double*, int64_t, int, const double*,
        int64_t, const int64_t*, const double*, int64_t, const double*, const float*, const float*, double*, double*,
        double*, double*, double*, double*);
DECLARE(density, const Field*, const float*, int64_t, float*);
DECLARE(adam, float*, const float*, float*, float*, int64_t, double, double, double, double, int64_t, int);
DECLARE(splat, const float*, const float*, const float*, int64_t, int64_t, int64_t, float*);
DECLARE(splat_backward, const float*, const float*, const float*, int64_t, int64_t, int64_t, const float*, float*, float*,
        float*);
DECLARE(warp, const Lattice*, const float*, const float*, const float*, const float*, int64_t, int32_t, float*);
DECLARE(warp_backward, const Lattice*, const float*, const float*, const float*, const float*, int64_t, int32_t,
        const float*, float*);

typedef std::vector<float> Numbers;

static void print(const char* name, const Numbers& values) {
  double sum = 0.0, weighted = 0.0;  // the second tells a permutation
  for (size_t i = 0; i < values.size(); ++i) {
    sum += values[i] < 0.0f ? -values[i] : values[i];
    weighted += values[i] * (double)(i % 7 + 1);
  }
  printf("%s %.9g %.9g\n", name, sum, weighted);
}

static Numbers random_numbers(size_t n, float low, float high) {
  Numbers v(n);
  for (float& x : v) x = low + (high - low) * (float)rand() / (float)RAND_MAX;
  return v;
}

static MlpShape perceptron(std::vector<int> widths, std::vector<Numbers>& held) {
  MlpShape shape = {};
  shape.layers = (int)widths.size() - 1;
  for (int i = 0; i <= shape.layers; ++i) shape.widths[i] = widths[i];
  for (int i = 0; i < shape.layers; ++i) {
    held.push_back(random_numbers((size_t)widths[i] * widths[i + 1], -0.5f, 0.5f));
    shape.weights[i] = held.back().data();
  }
  return shape;
}

// Events warped along a lattice of flow, their image, and the way back from both.
static void move_events(int64_t n) {
  const Lattice lattice = {3, 5, 7, {1.0f, 2.0f, 3.0f}, {1.0f, 2.0f, 3.0f}};
  Numbers values = random_numbers(2 * 3 * 5 * 7, -1.0f, 1.0f), t = random_numbers(n, -1.2f, 1.2f);
  Numbers to = random_numbers(n, -1.2f, 1.2f), place = random_numbers(2 * n, -1.2f, 1.2f), there(2 * n), grad_place(2 * n);
  Numbers grad_values(values.size());
  EF_NAME(warp)(&lattice, values.data(), t.data(), place.data(), to.data(), n, 2, there.data());
  Numbers x(n), y(n), weight(n, 1.0f), image(20 * 30), grads[3] = {Numbers(n), Numbers(n), Numbers(n)};
  for (int64_t i = 0; i < n; ++i) x[i] = 15.0f + 12.0f * there[2 * i], y[i] = 10.0f + 8.0f * there[2 * i + 1];
  EF_NAME(splat)(x.data(), y.data(), weight.data(), n, 20, 30, image.data());
  EF_NAME(splat_backward)(x.data(), y.data(), weight.data(), n, 20, 30, image.data(), grads[0].data(), grads[1].data(),
                          grads[2].data());
  for (int64_t i = 0; i < n; ++i) grad_place[2 * i] = grads[0][i], grad_place[2 * i + 1] = grads[1][i];
  EF_NAME(warp_backward)(&lattice, values.data(), t.data(), place.data(), to.data(), n, 2, grad_place.data(),
                         grad_values.data());
  print("grad_values", grad_values), print("warped", there), print("image", image), print("grad_weight", grads[2]);
}

// Rays of a moving camera of five poses, and the way back.
static void move_camera(int64_t n, int cubic, bool corrected) {
  typedef std::vector<double> Doubles;
  const Numbers numbers = random_numbers(4 * (9 + 3 + 18) + 7 * 3 + 7 * n, -1.0f, 1.0f);
  const Doubles knots = {-0.8, -0.3, 0.0, 0.4, 0.9}, given(numbers.begin(), numbers.end());
  const double *rotation = given.data(), *position = rotation + 36, *increment = position + 12, *bearings = increment + 72;
  const double *t = bearings + 21, *correction = corrected ? t + n : nullptr;
  std::vector<int64_t> pixel(n);
  for (int64_t i = 0; i < n; ++i) pixel[i] = i % 14 - 7;
  Numbers origin(3 * n), direction(3 * n), found;
  int32_t outside = 0;
  EF_NAME(camera_rays)(knots.data(), rotation, position, increment, 5, cubic, bearings, 7, pixel.data(), t, n, correction,
                       origin.data(), direction.data(), &outside);
  Doubles grads[] = {Doubles(36), Doubles(12), Doubles(4 * (cubic ? 18 : 6)), Doubles(n), Doubles(6 * n), Doubles(3 * n)};
  EF_NAME(camera_rays_backward)(knots.data(), rotation, position, increment, 5, cubic, bearings, 7, pixel.data(), t, n,
                                correction, origin.data(), direction.data(), grads[0].data(), grads[1].data(),
                                grads[2].data(), grads[3].data(), corrected ? grads[4].data() : nullptr, grads[5].data());
  for (const Doubles& grad : grads) found.insert(found.end(), grad.begin(), grad.end());
  print("camera_origin", origin), print("camera_direction", direction), print("of_camera", found);
}

int main() {
  // Three levels of rows of 4: two dense, one hashed, as HashLayout.build would lay them out.
  const float scale[] = {3.0f, 7.0f, 30.0f};
  const uint32_t resolution[] = {4, 8, 31}, offset[] = {0, 64, 576}, size[] = {64, 512, 1024};
  const uint8_t dense[] = {1, 1, 0};
  const int rows = 1600;
  HashGrid grid = {3, 4, 3, rows, scale, resolution, offset, size, dense};
  Numbers table = random_numbers(rows * 4, -1.0f, 1.0f), grad_table(rows * 4);
  std::vector<Numbers> held;
  held.reserve(16);
  Field field = {grid,
                 perceptron({12, 20, 16}, held),
                 perceptron({19, 24, 3}, held),
                 table.data(),
                 {-1, -1, -1},
                 {2, 2, 2},
                 3,
                 2,
                 1.5f,
                 0.7f,
                 5.0f,
                 0.2f,
                 1e-3f};
  std::vector<uint8_t> occupied(8 * 8 * 8);
  for (uint8_t& cell : occupied) cell = rand() % 3 != 0;
  March march = {occupied.data(), 8, 0.07f, 1e-3f};
  for (int threads : {1, 2, 4}) {
    ef_set_threads(threads);
    for (int64_t n : {0, 1, 63, 70000}) move_events(n);
    for (int64_t n : {0, 1, 63, 20000}) move_camera(n, 0, n > 1), move_camera(n, 1, n > 1), move_camera(n, 0, n == 1);
    for (int n : {0, 1, 63, 300}) {
      Numbers origin = random_numbers(3 * n, -0.2f, 0.2f), direction = random_numbers(3 * n, -1.0f, 1.0f);
      for (int i = 0; i < n; ++i) {
        float* d = &direction[3 * i];
        const float length = __builtin_sqrtf(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) + 1e-9f;
        for (int k = 0; k < 3; ++k) origin[3 * i + k] -= 2.0f * (d[k] /= length);
      }
      Numbers jitter = random_numbers(n, 0.0f, 1.0f), seen(3 * n), opacity(n), moment(n), distortion(n);
      std::vector<int64_t> samples((n + 63) / 64);
      Numbers grad_origin(3 * n), grad_direction(3 * n);
      Tape* tape = ef_tape_new();
      for (int turn = 0; turn < 3; ++turn) {  // of the parts alone, of all, of the rays alone
        EF_NAME(look)(&field, &march, origin.data(), direction.data(), jitter.data(), n, tape, seen.data(), opacity.data(),
                      moment.data(), distortion.data(), samples.data());
        std::vector<Numbers> grads = {Numbers(12 * 20), Numbers(20 * 16), Numbers(19 * 24), Numbers(24 * 3)};
        float *of_density[] = {grads[0].data(), grads[1].data()}, *of_radiance[] = {grads[2].data(), grads[3].data()};
        EF_NAME(look_backward)(&field, tape, seen.data(), opacity.data(), moment.data(), distortion.data(),
                               turn < 2 ? grad_table.data() : nullptr, of_density, of_radiance, direction.data(),
                               turn ? grad_origin.data() : nullptr, turn ? grad_direction.data() : nullptr);
      }
      ef_tape_free(tape);
      Numbers points = random_numbers(3 * n, -0.2f, 1.2f), features(12 * n), of_points(3 * n), densities(n);
      EF_NAME(hash_encode)(&grid, table.data(), points.data(), n, features.data());
      EF_NAME(hash_encode_backward)(&grid, table.data(), points.data(), features.data(), n, grad_table.data(),
                                    of_points.data());
      Numbers harmonics(16 * n), of_direction(3 * n);
      EF_NAME(spherical_harmonics)(direction.data(), n, 4, harmonics.data());
      EF_NAME(spherical_harmonics_backward)(direction.data(), harmonics.data(), n, 4, of_direction.data());
      EF_NAME(density)(&field, points.data(), n, densities.data());
      Numbers mean(table.size()), square(table.size()), parameter = table;
      EF_NAME(adam)(parameter.data(), grad_table.data(), mean.data(), square.data(), (int64_t)parameter.size(), 0.01, 0.9,
                    0.99, 1e-15, 1, 1);
      printf("threads %d rays %d\n", threads, n);
      print("radiance", seen), print("opacity", opacity), print("depth", moment), print("distortion", distortion);
      print("features", features), print("of_points", of_points), print("densities", densities);
      print("grad_origin", grad_origin), print("grad_direction", grad_direction), print("of_direction", of_direction);
      print("grad_table", grad_table), print("adam", parameter);
    }
  }
  puts("done");
  return 0;
}
