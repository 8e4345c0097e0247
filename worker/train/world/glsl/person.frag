// SPDX-License-Identifier: Apache-2.0
// Chooses the surface of each part, cuts it to shape and lights it.
void main() {
    Surface s = Surface(solid_color, normalize(n), solid_gloss, 30.0, 0.1);
    float kind = label;
    bool dress = upper_kind == 6;
    if (part == 0) {
        if (a.w < 0.5) {
            if (covers_jacket(c, a.x, 0.0) > 0.012) discard;
            if (jacket == 1 && covers_shirt(c, a.x) > 0.012) discard;
            if (!dress && lower_kind < 3 && covers_lower(c, a.x) > 0.012) discard;
            if (c.z < -0.775) discard;
        }
        s = skin_surface();
        if (c.z > 0.575 && c.y < 0.02 - 0.6 * max(0.0, 0.62 - c.z)) kind = 2.0;
    } else if (part == 1) s = eye_surface();
    else if (part == 3) {
        float edge;
        if (a.z > 0.5) { // skirt of a dress
            if (c.z < lower_hem || c.z > 0.145) discard;
            edge = c.z - lower_hem;
        } else {
            edge = covers_jacket(c, a.x, upper_more.y);
            if (edge < 0.0) discard;
        }
        s = upper_surface(edge);
    } else if (part == 4) {
        if (a.z > 0.5) { if (c.z < lower_hem || c.z > 0.13) discard; }
        else if (covers_lower(c, a.x) < 0.0) discard;
        if (covers_jacket(c, a.x, 0.0) > 0.03 && !dress) discard;
        s = lower_surface();
    } else if (part == 5 || part == 7) {
        float lift = a.y < 0.0 ? 1.0 : 0.0;
        if (part == 5 && a.z < 0.5) {
            float h = hairline(c, a.y) + 0.014 * (noise(vec3(atan(c.x, c.z - 0.70) * 30.0, c.y * 16.0, seed.x)) - 0.5) - 0.008;
            if (h < 0.0 || a.x > 0.3) discard;
            if (h < 0.008 && hash(c * 900.0) > h / 0.008) discard;
        }
        if (part == 7) {
            float h = c.z - 0.735 - 0.16 * (c.y < 0.0 ? 0.15 * (-0.1 - c.y) : -c.y * 0.6) ;
            if (a.z < 0.5 && (h < 0.0 || a.x > 0.6)) discard;
            s = Surface(hair_color * (0.9 + 0.2 * step(0.5, fract(atan(c.x, c.y) * 24.0)) * step(0.5, hair.y)), normalize(n), 0.05, 10.0, 0.15);
        } else s = hair_surface(0.0);
    } else if (part == 6) {
        if (c.z < hair.z + 0.05 * (noise(vec3(atan(c.x, c.y + 0.04) * 14.0, 2.0, seed.y)) - 0.5)) discard;
        if (c.y < -0.07 && c.z < 0.775 && abs(c.x) < 0.085) discard;
        s = hair_surface(1.0);
    } else if (part == 8) {
        float d = covers_shirt(c, a.x);
        if (d < 0.0 || (covers_jacket(c, a.x, 0.0) > 0.02)) discard;
        float tie = upper_kind == 5 && seed.x > 18.0 ? step(abs(c.x), 0.012 + 0.05 * max(0.0, 0.47 - c.z)) * step(c.y, 0.0) * step(c.z, 0.485) : 0.0;
        vec3 inner = mix(shirt_color, shoe_color * 0.8, tie);
        s = fold(inner * (1.0 - 0.2 * smoothstep(0.002, 0.001, abs(abs(c.x) - 0.012)) * step(c.y, 0.0) * (1.0 - tie)), 0.3, 0.03, 8.0);
    } else if (part == 9) {
        if (c.z > -0.765) discard;
        s = Surface(shoe_color * (c.z < -0.835 ? 0.35 : 1.0), normalize(n), 0.25, 20.0, 0.1);
    }
    vec3 view = normalize(eye - world);
    vec3 m = dot(s.normal, view) < -0.2 ? -s.normal : s.normal;
    if (!gl_FrontFacing && part >= 3 && part != 5) m = -m;
    vec3 albedo = pow(clamp(s.albedo, 0.0, 1.0), vec3(2.2));
    float lit = max(0.0, (dot(m, key_direction) + s.wrap) / (1.0 + s.wrap));
    float filled = max(0.0, 0.7 * dot(m, fill_direction) + 0.3);
    float under = part == 0 && c.z < 0.6 && c.z > 0.46 ? mix(1.0, 0.72, smoothstep(0.5, 0.58, c.z) * smoothstep(0.04, -0.06, c.y)) : 1.0;
    lit *= open_to_key(world, normalize(n));
    vec3 light = (key * lit + fill * filled) * under + mix(ground, sky, 0.5 + 0.5 * m.z) * mix(1.0, under, 0.7);
    if (!gl_FrontFacing && part >= 3 && part != 5 && part != 6) light *= 0.35;
    light *= cavity;
    vec3 color = albedo * light;
    if (part == 0) color += albedo * vec3(0.10, 0.025, 0.015) * key * smoothstep(0.6, 0.0, abs(dot(m, key_direction)));
    vec3 h = normalize(view + key_direction);
    color += s.gloss * key * pow(max(dot(m, h), 0.0), s.shine) * step(0.0, dot(m, key_direction));
    color += 0.10 * s.gloss * sky * pow(1.0 - max(dot(m, view), 0.0), 3.0);
    out_color = vec4(pow(clamp(color, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
    out_code = vec4((clamp(a.x, -1.0, 2.4) + 1.0) / 3.4, 0.0, 0.0, kind / 255.0);
    out_motion = vec4(before.xy / before.w - now.xy / now.w, c.x, c.z);
}
