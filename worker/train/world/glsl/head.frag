#version 330
// SPDX-License-Identifier: Apache-2.0
// Shared declarations, noise, skin, face, eyes and hair.
in vec3 world; in vec3 n; in vec3 c; in vec4 a; in vec4 now; in vec4 before;
layout(location = 0) out vec4 out_color;
layout(location = 1) out vec4 out_code;   // sleeve coordinate, 0, 0, label / 255
layout(location = 2) out vec4 out_motion; // flow in clip units, canonical x and z in metres
uniform vec3 eye; uniform vec3 key_direction; uniform vec3 key; uniform vec3 fill_direction; uniform vec3 fill;
uniform vec3 sky; uniform vec3 ground;
uniform float label; uniform vec3 solid_color; uniform float solid_gloss;
uniform vec3 skin_color; uniform vec3 lip_color; uniform vec3 iris_color; uniform vec3 hair_color; uniform vec3 brow_color;
uniform vec4 face; // blush, freckles, stubble, makeup
uniform vec3 seed; uniform vec4 hair; // style, length/fringe values
float cavity = 1.0; // how open to light a fold is
struct Surface { vec3 albedo; vec3 normal; float gloss; float shine; float wrap; };

float hash(vec3 p) { p = fract(p * vec3(0.1031, 0.1030, 0.0973)); p += dot(p, p.yxz + 33.33); return fract((p.x + p.y) * p.z); }
uniform sampler3D field; // value noise and the gradient of its three-octave sum, tiling every 16 units
float noise(vec3 p) { return texture(field, p / 16.0).r; }
float fbm(vec3 p) { return 0.57 * noise(p) + 0.29 * noise(p * 2.1 + 7.0) + 0.14 * noise(p * 4.3 + 3.0); }
vec3 slope(vec3 p) { return 5.0 * texture(field, p / 16.0).gba - 2.5; }
uniform sampler2DShadow shadow_map; uniform mat4 shadow_matrix;
float open_to_key(vec3 place, vec3 up) { // 0 in the body's own shadow .. 1 lit, softened over a few centimetres
    vec3 p = 0.5 + 0.5 * (shadow_matrix * vec4(place + 0.014 * up, 1.0)).xyz;
    if (any(greaterThan(abs(p - 0.5), vec3(0.49)))) return 1.0;
    float sum = 0.0, r = 0.007;
    p.z -= 0.008;
    sum += texture(shadow_map, p + vec3(r, 0.4 * r, 0)) + texture(shadow_map, p + vec3(-0.4 * r, r, 0));
    sum += texture(shadow_map, p + vec3(-r, -0.4 * r, 0)) + texture(shadow_map, p + vec3(0.4 * r, -r, 0));
    return 0.25 * sum;
}
float hairline(vec3 p, float fringe) { // > 0 where hair grows
    float line = 0.612 + (0.05 - p.y) * 0.80;
    line += 0.035 * smoothstep(0.05, 0.075, abs(p.x)) * smoothstep(-0.05, -0.10, p.y);
    line -= 0.055 * smoothstep(0.55, 0.95, fringe) * smoothstep(-0.07, -0.10, p.y) * (1.0 - 6.0 * abs(p.x));
    return p.z - max(line, 0.60);
}
Surface skin_surface() {
    vec3 albedo = skin_color * (0.93 + 0.14 * fbm(c * 34.0 + seed));
    float front = smoothstep(-0.06, -0.10, c.y) * step(0.56, c.z);
    float x = abs(c.x);
    float blush = exp(-pow(length(vec2(x - 0.045, c.z - 0.655)) / 0.022, 2.0)) + 0.7 * exp(-pow(length(vec2(c.x, c.z - 0.66)) / 0.014, 2.0));
    albedo *= mix(vec3(1), vec3(1.05, 0.86, 0.84), face.x * blush * front);
    float socket = exp(-pow(length(vec2((x - 0.032) * 0.8, c.z - 0.697)) / 0.017, 2.0));
    albedo *= 1.0 - (0.16 + 0.35 * face.w) * socket * front;
    albedo *= 1.0 - 0.13 * face.y * smoothstep(0.66, 0.80, noise(c * 420.0)) * front;
    float jaw = smoothstep(0.655, 0.63, c.z + 0.3 * max(0.0, x - 0.05)) * smoothstep(0.555, 0.585, c.z) * smoothstep(-0.02, -0.06, c.y);
    float upper_lip = exp(-pow((c.z - 0.648) / 0.007, 2.0)) * smoothstep(0.03, 0.02, x) * front;
    albedo *= mix(vec3(1), vec3(0.55, 0.53, 0.56), face.z * clamp(jaw + upper_lip, 0.0, 1.0) * (0.7 + 0.5 * noise(c * 300.0)) * (1.0 - a.y));
    albedo = mix(albedo, lip_color, 0.75 * smoothstep(0.3, 0.7, a.y));
    float arch = 0.7225 + 0.010 * (1.0 - pow((x - 0.038) / 0.026, 2.0)) - 0.004;
    float brow = smoothstep(0.0046, 0.0022, abs(c.z - arch) + 0.0016 * noise(c * 500.0)) * smoothstep(0.012, 0.016, x) * smoothstep(0.062, 0.052, x) * front;
    albedo = mix(albedo, brow_color, 0.85 * brow);
    if (hair.x < 2.5) albedo = mix(albedo, 0.7 * hair_color, 0.4 * smoothstep(0.008, 0.022, hairline(c, 0.0)) * (1.0 - a.z));
    return Surface(albedo, normalize(n + 0.03 * (vec3(noise(c * 250.0), noise(c * 250.0 + 9.0), noise(c * 250.0 + 19.0)) - 0.5)), 0.16, 14.0, 0.35);
}
Surface eye_surface() {
    float t = a.x;
    vec3 albedo = vec3(0.83, 0.80, 0.78);
    albedo = mix(iris_color * (0.7 + 0.6 * noise(vec3(t * 40.0, c.xz * 300.0))), albedo, smoothstep(0.46, 0.52, t));
    albedo = mix(albedo, albedo * 0.35, smoothstep(0.10, 0.0, abs(t - 0.46)) * 0.8);
    albedo = mix(vec3(0.02), albedo, smoothstep(0.19, 0.24, t));
    return Surface(albedo, normalize(n), 0.7, 90.0, 0.2);
}
Surface hair_surface(float strands_along) {
    vec3 q = part == 6 ? vec3(atan(c.x, c.y + 0.04) * 26.0, c.z * 6.0, 0.0) : vec3(c.x * 260.0, (c.y * 40.0), c.x * 60.0 + c.z * 14.0);
    if (part != 6) q = vec3(atan(c.x, c.z - 0.72) * 30.0, length(c.xz - vec2(0, 0.72)) * 8.0, c.y * 26.0);
    if (part == 5 && a.w > 0.5) q = c * 130.0 + 2.0 * slope(c * 60.0);
    float strand = noise(q * vec3(2.2, 1.0, 1.0) + seed) * 0.6 + noise(q * vec3(6.0, 1.3, 1.6) + seed) * 0.4;
    vec3 albedo = hair_color * (0.62 + 0.76 * strand);
    vec3 bent = normalize(n + 0.55 * (vec3(noise(q * 2.0), noise(q * 2.0 + 5.0), noise(q * 2.0 + 11.0)) - 0.5));
    return Surface(albedo, bent, 0.26, 22.0, 0.25);
}
