localrules:
    detector1,
    quicklook,


rule detector1:
    input:
        uncal=uncal_of,
        references=manifest_of,
        batch=batch_of,
    output:
        **PRODUCTS,
        statistics=STATISTICS,
        parameters=PARAMETERS,
        provenance=PROVENANCE,
    log:
        f"{RESULTS}/logs/{{exposure}}.log",
    retries: 0
    conda:
        "../envs/onramp.yaml"
    threads: 1
    resources:
        mem_mb=DELIVERY_MB,
    params:
        **DETECTOR1,
    message:
        "Calibrate {wildcards.exposure}"
    shell:
        "sh {DELIVER:q} {BATCHES.staged:q}/detector1/{wildcards.exposure}"
        " {params.crash_file:q} {RESULTS:q}/quicklook/{wildcards.exposure}.png {log:q} {output:q}"


rule quicklook:
    input:
        uncal=uncal_of,
        rate=f"{RESULTS}/{{exposure}}_rate.fits",
        rateints=f"{RESULTS}/{{exposure}}_rateints.fits",
        statistics=STATISTICS,
        batch=batch_of_picture,
    output:
        picture=PICTURE,
    log:
        f"{RESULTS}/logs/{{exposure}}_quicklook.log",
    retries: 0
    conda:
        "../envs/onramp.yaml"
    threads: 1
    resources:
        mem_mb=DELIVERY_MB,
    params:
        library=library_digest("quicklook"),
    message:
        "Draw {wildcards.exposure}"
    shell:
        "sh {DELIVER:q} {BATCHES.staged:q}/quicklook/{wildcards.exposure} '' '' {log:q} {output:q}"
