# docker build -t course . && docker run --rm -p 8888:8888 course
FROM python:3.13-slim
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home student
USER student
WORKDIR /home/student/course
COPY --chown=student . .
RUN make setup && rm -rf /home/student/.cache
EXPOSE 8888
CMD ["make", "lab", "LAB_ARGS=--no-browser --ip=0.0.0.0"]
