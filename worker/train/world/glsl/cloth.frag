// SPDX-License-Identifier: Apache-2.0
// Where garments cover the body (signed distances in canonical metres), seams and folds. Cloth comes undyed:
// colours and patterns are put on afterwards (worker/paint/cloth.py), as the live filter does.
uniform vec4 upper_cut;   // hem, sleeve, neck, vee
uniform vec4 upper_more;  // opening, collar, folds, gloss
uniform float lower_hem;
uniform vec3 main_color; uniform vec3 second_color; uniform vec3 lower_color; uniform vec3 shirt_color; uniform vec3 shoe_color;

float neckline(vec3 p, float neck, float vee) { // > 0 below the neckline
    float line = 0.512 + neck + 0.38 * (p.y + 0.08) + 0.35 * abs(p.x);
    float front = smoothstep(0.03, -0.03, p.y);
    line -= vee * front * max(0.0, 1.0 - abs(p.x) / (0.050 + 0.12 * vee));
    return line - p.z;
}
float opening(vec3 p) { // > 0 outside the open front
    float front = step(p.y, 0.0);
    float width = upper_more.x * (0.75 + 0.9 * max(0.0, 0.28 - p.z)) + 0.010 * (noise(vec3(p.z * 9.0, 1.0, seed.x)) - 0.5);
    return mix(1.0, abs(p.x) - width, front);
}
float covers_upper(vec3 p, float arm, float raise) {
    float on_arm = step(-0.1, arm);
    float d = mix(p.z - upper_cut.x, 1.0, on_arm);
    d = min(d, neckline(p, upper_cut.z + raise, upper_cut.w) * 0.9);
    return min(d, mix(1.0, (upper_cut.y - arm) * 0.24, smoothstep(-0.4, -0.1, arm)));
}
float covers_jacket(vec3 p, float arm, float raise) {
    float d = covers_upper(p, arm, raise);
    return jacket == 1 ? min(d, mix(opening(p), 1.0, step(-0.1, arm))) : d;
}
float covers_shirt(vec3 p, float arm) { return min(min(neckline(p, 0.004, 0.03) * 0.9, p.z + 0.02), (0.6 - arm) * 0.2); }
float covers_lower(vec3 p, float arm) { return min(min(0.125 - p.z, p.z - lower_hem), (-0.5 - arm)); }

vec3 logo_color(vec3 color) {
    if (logo == 0 || c.y > 0.0 || a.x > -0.1) return color;
    vec2 p = (c.xz - vec2(0.0, 0.35));
    float d = logo == 1 ? length(p) - 0.055 : logo == 2 ? max(abs(p.x) - 0.10, abs(p.y) - 0.028) : abs(length(p) - 0.05) - 0.012;
    return mix(color, second_color, smoothstep(0.002, -0.002, d));
}
Surface fold(vec3 albedo, float depth, float gloss, float shine) {
    vec3 q = c * vec3(9.0, 9.0, 6.5) + seed;
    vec3 g = slope(q) + 0.6 * slope(q * 2.3 + 4.0);
    cavity = 1.0 + depth * 0.9 * (0.65 * noise(q) + 0.35 * noise(q * 2.3 + 4.0) - 0.5);
    if (a.x > -0.1) { // sleeves wrinkle around the elbow
        float elbow = exp(-pow((a.x - 1.0) / 0.35, 2.0));
        g += c * 0.0 + vec3(0, 0, 1.6 * elbow * (noise(vec3(a.x * 22.0, a.y * 14.0, seed.y)) - 0.5));
    }
    vec3 fine = cloth == 3 ? vec3(0.25 * (noise(c * 300.0) - 0.5)) : vec3(0.0);
    return Surface(albedo, normalize(n + depth * 1.7 * (g + fine)), gloss, shine, 0.15);
}
Surface upper_surface(float edge) {
    vec3 color = logo_color(main_color);
    float x = abs(c.x), front = step(c.y, 0.0) * step(a.x, -0.1);
    if (upper_kind == 1) { // shirt: placket and buttons
        float button = step(length(vec2(c.x, mod(c.z, 0.07) - 0.035)), 0.006) * front;
        color = mix(color * (1.0 - 0.22 * front * smoothstep(0.0022, 0.0010, abs(x - 0.014))), vec3(0.88), button);
    } else if (upper_kind == 2) { // hoodie: pocket, strings
        float pocket = smoothstep(0.003, 0.001, abs(max(x - 0.12 + 0.5 * max(0.0, c.z - 0.08), abs(c.z - 0.09) - 0.065)));
        float string = step(abs(x - 0.035 - 0.1 * (c.z - 0.4)), 0.0035) * step(0.36, c.z) * step(c.z, 0.49);
        color *= 1.0 - 0.3 * pocket * front;
        color = mix(color, vec3(0.9), string * front);
    } else if (upper_kind == 3 || upper_kind == 4) { // jackets: metal zip along the opening
        color = mix(color, vec3(0.62), front * step(opening(c), 0.005) * (0.6 + 0.4 * step(0.5, fract(c.z * 160.0))));
    } else if (upper_kind == 5) { // suit: lapels and buttons
        float lapel = neckline(c, upper_cut.z, upper_cut.w);
        float on = front * step(0.0, lapel) * step(lapel, 0.16) * step(x, 0.115) * step(0.29, c.z);
        float edge_line = front * smoothstep(0.004, 0.001, abs(lapel - 0.16 + 0.2 * max(0.0, 0.40 - c.z))) * step(0.29, c.z);
        color *= (1.0 + 0.10 * on) * (1.0 - 0.45 * edge_line);
        color = mix(color, color * 0.3, step(length(vec2(c.x - 0.015, mod(c.z, 0.09) - 0.03)), 0.009) * front * step(c.z, 0.27) * step(0.02, c.z));
    }
    float ribs = upper_kind == 2 ? step(edge, 0.045) : 0.0;
    color *= 1.0 - 0.16 * ribs * step(0.5, fract((c.x + a.x * 0.2) * 130.0));
    color *= 1.0 - 0.16 * smoothstep(0.0025, 0.001, abs(edge - 0.018));
    Surface s = fold(color, upper_more.z, upper_more.w, cloth == 2 ? 26.0 : 10.0);
    return s;
}
Surface lower_surface() {
    vec3 color = lower_color;
    if (lower_kind == 1) {
        color *= 0.82 + 0.36 * fbm(c * vec3(9.0, 9.0, 4.0) + 3.0) + 0.10 * (noise(c * 420.0) - 0.5);
        color *= 1.0 - 0.25 * smoothstep(0.003, 0.001, abs(c.x)) * step(c.z, 0.12);
    }
    if (c.z > 0.085 && a.z < 0.5) color = mix(color * 0.75, vec3(0.12, 0.08, 0.05), lower_kind < 3 && abs(c.z - 0.105) < 0.015 ? 0.8 : 0.0);
    return fold(color, lower_kind == 1 ? 0.55 : 0.4, 0.04, 8.0);
}
